"""Which sessions a backtest can walk, and what it says where it cannot."""

from __future__ import annotations

from datetime import date

import pytest

from backtest.app.settings import BacktestSpec
from backtest.app.strategies import WARM_UP_SESSIONS, decision_rows
from core.errors import RequestError
from core.types import BarPanel
from tests.panels import make_panel

LONG = make_panel(3, 900, ("KO", "SPY"))


def spec_for(panel: BarPanel, row: int) -> BacktestSpec:
    return BacktestSpec(start=panel.dates[row], end=panel.dates[-1])


def test_the_first_decision_lies_one_session_before_the_start() -> None:
    assert decision_rows(spec_for(LONG, 700), LONG) == (699, 899)


def test_bars_too_short_for_any_start_are_told_with_how_many_are_needed() -> None:
    short = LONG.prefix(30)
    with pytest.raises(RequestError, match=f"No start will do.* need {WARM_UP_SESSIONS} sessions") as refused:
        decision_rows(spec_for(short, 10), short)
    assert "never" not in refused.value.hint


def test_bars_without_the_benchmark_are_refused_by_its_name() -> None:
    without = make_panel(3, 900, ("KO", "SPY"), missing={"SPY": [(0, 800)]})
    with pytest.raises(RequestError, match="There are no bars of SPY before"):
        decision_rows(spec_for(without, 700), without)
    assert decision_rows(BacktestSpec(start=without.dates[820], end=date(2030, 1, 1)), without)[0] == 819
