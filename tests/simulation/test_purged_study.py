"""Combinatorial purged paths of the ranker and of a sweep's choice, on the small backtest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backtest.app.purged_study import choice_paths, curves_of, ranker_paths
from backtest.app.settings import settings_of
from backtest.progress import no_progress
from charts.fan_chart import draw_fan
from core.errors import RequestError
from core.statistics import sharpe_ratios
from tests.panels import with_future_changed
from tests.simulation.backtests import panel, spec

SHORT_LABELS = {"trading.quant.horizon_sessions": 3, "trading.quant.purge_sessions": 3}


def test_the_ranker_is_refitted_for_each_split_and_makes_five_paths() -> None:
    seen: list[tuple[int, int]] = []
    made = ranker_paths(replace(spec(), changes=SHORT_LABELS), panel(), lambda done, of: seen.append((done, of)))
    assert seen[-1] == (15, 15)
    curves = curves_of(made.paths)
    assert curves.shape == (5, len(made.sessions))
    assert len({curve.tobytes() for curve in curves}) == 5
    assert np.ptp(curves[:, -1]) > 0
    assert "SPY" in made.beside
    again = ranker_paths(replace(spec(), changes=SHORT_LABELS), panel(), no_progress)
    assert again.paths == made.paths


def test_a_session_of_a_path_knows_nothing_of_its_own_future_beyond_the_split() -> None:
    """What follows the span changes nothing within it."""
    asked = replace(spec(), changes=SHORT_LABELS)
    row = int(np.searchsorted(panel().sessions, np.datetime64(spec().end)))
    changed = with_future_changed(panel(), row, 3)
    assert ranker_paths(asked, changed, no_progress).paths == ranker_paths(asked, panel(), no_progress).paths


def test_a_span_that_leaves_nothing_to_fit_on_is_refused() -> None:
    with pytest.raises(RequestError, match="sessions to fit on"):
        ranker_paths(spec(), panel(), no_progress)


def test_choosing_the_best_variant_is_judged_where_it_was_not_chosen(tmp_path: Path) -> None:
    days = np.busday_offset(np.datetime64("2021-01-04"), np.arange(600))
    returns = np.random.default_rng(0).normal(0, 0.01, (600, 20))
    made = choice_paths(returns, days, settings_of(spec()))
    best = max(sharpe_ratios(returns.T))
    assert len(made.sharpes) == 5
    assert np.mean(made.sharpes) < best - 0.5
    draw_fan("t", "s", np.append(days[:1], days), curves_of(made), {}, tmp_path / "fan.png")
    assert (tmp_path / "fan.png").stat().st_size > 10_000
