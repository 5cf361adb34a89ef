"""The quality of bars on recorded series: broken ones with their repaired twins, and years with nothing wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.bar_faults import scaled
from benchmarks.bench_bars_quality import Score, false_alarms, pairs, planted, score, sound_tables

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared")]
KINDS = 14


def test_broken_series_are_repaired_or_left_out_and_sound_ones_are_not() -> None:
    total = Score()
    for name, one in pairs(SHARED / "bad_bars"):
        total.add(one)
        assert one.caught >= 0.95 * one.broken, name
        assert one.broken or not one.noticed or "bad" in name, name
        if "fixed" in name or "no-bad" in name:
            assert (one.noticed, one.left_out, one.changed) == (0, 0, 0), name
    assert total.series > 20 and total.broken > 3000 and total.left_out <= 0.01 * total.sound


def test_nothing_is_said_against_years_of_sound_bars() -> None:
    for name, rows, found, _ in false_alarms(SHARED):
        assert rows > 190_000 and found == 0, name


def test_planted_faults_are_noticed() -> None:
    stocks = [table for table in sound_tables(SHARED) if (table["volume"] > 0).all() and len(table) > 300]
    scores = dict(planted(stocks, trials=10, seed=7))
    assert len(scores) == KINDS
    for name, one in scores.items():
        assert one.noticed >= 0.9 * one.series, name


@pytest.mark.parametrize("listed", [True, False])
def test_ge_one_for_eight_on_2021_08_02_unadjusted_is_repaired(listed: bool) -> None:
    right = next(table for table in sound_tables(SHARED) if table["ticker"].iloc[0] == "GE")
    if not listed:
        right["split"] = 0.0
    row = int(np.flatnonzero(right["date"].to_numpy() == np.datetime64("2021-08-02"))[0])
    broken = right.copy()
    scaled(broken, slice(0, row), 1 / 8, volume=True)
    seen = score(broken, right)
    assert seen.broken == row and seen.caught == row
    assert (seen.left_out, seen.changed) == (0, 0)
