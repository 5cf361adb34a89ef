"""The quality of bars on recorded series: broken ones with their repaired twins, and years with nothing wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bench_bars_quality import Score, false_alarms, pairs, planted, sound_tables

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared")]
KINDS = 14


def test_broken_series_are_repaired_or_left_out_and_sound_ones_are_not() -> None:
    total = Score()
    for name, score in pairs(SHARED / "bad_bars"):
        total.add(score)
        assert score.caught >= 0.95 * score.broken, name
        assert score.broken or not score.noticed or "bad" in name, name
        if "fixed" in name or "no-bad" in name:
            assert (score.noticed, score.left_out, score.changed) == (0, 0, 0), name
    assert total.series > 20 and total.broken > 3000 and total.left_out <= 0.01 * total.sound


def test_nothing_is_said_against_years_of_sound_bars() -> None:
    for name, rows, found, _ in false_alarms(SHARED):
        assert rows > 190_000 and found == 0, name


def test_planted_faults_are_noticed() -> None:
    stocks = [table for table in sound_tables(SHARED) if (table["volume"] > 0).all() and len(table) > 300]
    scores = dict(planted(stocks, trials=10, seed=7))
    assert len(scores) == KINDS
    for name, score in scores.items():
        assert score.noticed >= 0.9 * score.series, name
