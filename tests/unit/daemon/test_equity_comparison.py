"""Equity beside the market: against plain arithmetic, and read out of a real ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ledger import SqliteLedger
from config.environment import OrderRoute
from core.market import BarPanel
from core.market_analysis import MarketAnalysis, Regime
from core.service import EquityMark
from core.types import Cycle, Plan, Portfolio, Position, StepReport, TradingState
from daemon.equity_comparison import compare_with_market

FIRST = date(2025, 6, 2)
AT = datetime(2025, 6, 2, 19, 45, tzinfo=UTC)


def panel(closes: list[list[float]], symbols: tuple[str, ...] = ("SPY", "A", "B")) -> BarPanel:
    days = np.array([FIRST + timedelta(days=n) for n in range(len(closes))], dtype="datetime64[D]")
    close = np.array(closes, dtype=np.float64)
    known = np.array([np.datetime64(day, "us") + np.timedelta64(20, "h") for day in days])
    return BarPanel(
        sessions=days,
        known_at=known,
        symbols=symbols,
        open=close,
        high=close,
        low=close,
        close=close,
        volume=close,
    )


def mark(day: int, equity: str, drawdown: float = 0.0) -> EquityMark:
    return EquityMark(
        session=FIRST + timedelta(days=day), as_of=AT + timedelta(days=day), equity=Decimal(equity),
        drawdown=drawdown, regime="low_vol",
    )  # fmt: skip


def test_a_deposit_is_paid_into_every_line_and_is_no_profit_over_the_market() -> None:
    bars = panel([[100, 10, 10], [110, 11, 11], [121, 11, 11], [242, 22, 22]])
    paid = replace(mark(2, "1600"), external_flow=Decimal(500))
    points = compare_with_market(
        [mark(1, "1000"), paid, mark(3, "3200")], bars, benchmark="SPY", universe=("A", "B"), sessions=10
    )
    assert [point.benchmark for point in points] == pytest.approx([1000 / 1.1, 1000, 1600, 3200])
    assert [point.equal_weight for point in points] == pytest.approx([1000 / 1.1, 1000, 1500, 3000])
    assert [point.external_flow for point in points] == [0, 0, 500, 0]


def test_the_lines_meet_where_the_engine_began() -> None:
    bars = panel([[100, 10, 20], [110, 11, 20], [121, 11, 30], [121, 22, 30]])
    points = compare_with_market(
        [mark(1, "1000"), mark(2, "990", -0.01)], bars, benchmark="SPY", universe=("A", "B"), sessions=10
    )
    assert [point.session.day for point in points] == [2, 3, 4, 5]
    assert [point.equity for point in points] == [None, Decimal(1000), Decimal(990), None]
    assert [point.benchmark for point in points] == pytest.approx([1000 / 1.1, 1000, 1100, 1100])
    even = [1 / 1.05, 1.0, 1.25, 1.25 * 1.5]  # mean of +10 % and 0 %, of 0 % and +50 %, of +100 % and 0 %
    assert [point.equal_weight for point in points] == pytest.approx([1000 * growth for growth in even])
    assert [point.regime for point in points] == [None, "low_vol", "low_vol", None]


def test_gaps_and_absent_bars_are_said_not_guessed() -> None:
    nan = float("nan")
    bars = panel([[100, 10, nan], [nan, nan, nan], [120, 30, 5]])
    points = compare_with_market([mark(0, "100")], bars, benchmark="SPY", universe=("A", "B"), sessions=10)
    assert [point.benchmark for point in points] == pytest.approx([100, 100, 120]), "the last close is carried"
    assert [point.equal_weight for point in points] == pytest.approx([100, 100, 100]), "no two closes in a row"
    alone = compare_with_market([mark(0, "100")], None, benchmark="SPY", universe=("A",), sessions=10)
    assert [(point.equity, point.benchmark) for point in alone] == [(Decimal(100), None)]
    assert compare_with_market([], None, benchmark="SPY", universe=(), sessions=5) == ()


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 8))
def test_the_newest_sessions_are_kept(bars: int, marks: int, sessions: int) -> None:
    made = panel([[100.0 + n, 10.0, 20.0] for n in range(bars)])
    held = [mark(n, str(100 + n)) for n in range(marks)]
    points = compare_with_market(held, made, benchmark="SPY", universe=("A", "B"), sessions=sessions)
    assert len(points) == min(sessions, max(bars, marks))
    days = [point.session for point in points]
    assert days == sorted(set(days))
    assert days[-1] == FIRST + timedelta(days=max(bars, marks) - 1)


def report(number: int, at: datetime, price: str, *, what_if: bool = False) -> StepReport:
    held = Position(
        symbol="KO", quantity=Decimal(2), average_price=Decimal(50), entry_at=AT, entry_session=FIRST,
        peak_price=Decimal(60), last_price=Decimal(price),
    )  # fmt: skip
    book = Portfolio(cash=Decimal(100), positions={"KO": held}, peak_equity=Decimal(240))
    regime = Regime(name="high_vol", probabilities={"high_vol": 1.0}, as_of=at, exposure_scale=0.5, model_id="r")
    plan = Plan(
        decisions=(), approved=(), refused=(), unchanged=(), analysis=MarketAnalysis(regime=regime),
        portfolio=book, state=TradingState.ACTIVE,
    )  # fmt: skip
    return StepReport(
        decision_id=f"step-{number}", cycle=Cycle(name="decide", as_of=at if what_if else None), as_of=at,
        source="test", bars_until="2025-06-02", view_digest="", config_digest="", plan=plan,
    )  # fmt: skip


def test_a_session_is_marked_by_its_last_step_and_no_what_if() -> None:
    ledger = SqliteLedger(None, route=OrderRoute.PAPER_BUILTIN)
    ledger.record(report(1, AT, "50"))
    ledger.record(report(2, AT + timedelta(minutes=5), "60"))
    assert [(m.session, m.equity, m.regime) for m in ledger.equity_marks(9)] == [
        (FIRST, Decimal(220), "high_vol")
    ]
    assert ledger.equity_marks(9)[0].drawdown == pytest.approx(220 / 240 - 1)
    ledger.record(report(3, AT + timedelta(days=1), "70"))
    ledger.record(report(4, AT - timedelta(days=3), "1", what_if=True))
    ledger.record(report(5, AT + timedelta(days=1), "1", what_if=True))
    marks = ledger.equity_marks(9)
    assert [m.equity for m in marks] == [Decimal(220), Decimal(240)]
    assert ledger.equity_marks(1) == marks[-1:]
    ledger.close()


def test_marks_before_the_window_do_not_scale_it() -> None:
    bars = panel([[100, 10, 20], [110, 11, 20], [121, 11, 30], [121, 22, 30]])
    points = compare_with_market(
        [mark(0, "500"), mark(3, "990")], bars, benchmark="SPY", universe=("A", "B"), sessions=2
    )
    assert [point.equity for point in points] == [None, Decimal(990)]
    assert [point.benchmark for point in points] == pytest.approx([990, 990])
