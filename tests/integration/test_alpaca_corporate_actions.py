"""Corporate actions of a held position at Alpaca: shares and cash to the cent as on the paper route."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.cycles import DECIDE_AND_SEND, SETTLE
from core.types import ActionKind, CorporateAction, Portfolio, StepReport, TradingState
from pipeline.engine import Engine
from pipeline.reconciliation import take_over_named
from tests.account_engine import MONDAY, AccountEngine, account_engine
from tests.servers.alpaca_broker_desk import Desk as StandInDesk
from tests.servers.alpaca_broker_faults import FaultPlan
from tests.small_engine import enter, small_engine

EX_DATE = date(2024, 1, 25)
NEXT_MORNING = MONDAY + timedelta(days=1)
CASES: list[tuple[str, dict[str, Any]]] = [
    ("dividend", {"kind": ActionKind.DIVIDEND, "cash_per_share": Decimal("0.2437")}),
    ("split", {"kind": ActionKind.SPLIT, "ratio": Decimal(4)}),
    ("reverse split", {"kind": ActionKind.SPLIT, "ratio": Decimal("0.125")}),
    ("stock dividend", {"kind": ActionKind.SPLIT, "ratio": Decimal("1.05")}),
    ("spin-off", {"kind": ActionKind.SPIN_OFF, "ratio": Decimal("0.25"), "new_symbol": "XOM"}),
    ("merger for cash", {"kind": ActionKind.MERGER, "cash_per_share": Decimal("112.35")}),
    ("merger for shares", {"kind": ActionKind.MERGER, "ratio": Decimal("0.613"), "new_symbol": "XOM"}),
    (
        "merger for both",
        {
            "kind": ActionKind.MERGER, "ratio": Decimal("0.5"), "new_symbol": "XOM",
            "cash_per_share": Decimal("17.77"),
        },
    ),
    ("rename", {"kind": ActionKind.RENAME, "new_symbol": "AAPX"}),
]  # fmt: skip


def at_alpaca(made: AccountEngine, action: CorporateAction) -> None:
    """Let the same happen at the stand-in."""
    book, events, name = made.stand_in.book, made.events, action.symbol
    with book.lock:
        if action.kind is ActionKind.DIVIDEND:
            events.dividend(name, action.cash_per_share)
        elif action.kind is ActionKind.SPIN_OFF:
            events.spin_off(name, action.new_symbol, action.ratio)
        elif action.kind is ActionKind.RENAME:
            events.rename(name, action.new_symbol)
        elif action.kind is ActionKind.MERGER:
            events.merger(
                name, action.new_symbol, action.ratio if action.new_symbol else Decimal(0), action.cash_per_share
            )
        elif action.ratio == Decimal("1.05"):
            events.stock_dividend(name, action.ratio - 1)
        else:
            StandInDesk(book).split(name, action.ratio)


def on_paper(action: CorporateAction, quantity: Decimal) -> tuple[Portfolio, Portfolio]:
    """Return the paper route's portfolio before and after an action, of so many shares."""
    made = small_engine()
    made.team.decisions = [enter("AAPL", 0.1)]
    inner = made.engine.parts.feed
    shown: list[CorporateAction] = []

    class Showing:
        def view(self, as_of: Any) -> Any:
            return dataclasses.replace(inner.view(as_of), actions=tuple(shown))

    engine = Engine(dataclasses.replace(made.engine.parts, feed=Showing()))
    engine.step(DECIDE_AND_SEND)
    made.clock.set(MONDAY)
    made.team.decisions = []
    engine.step(SETTLE)
    assert engine.portfolio.positions["AAPL"].quantity == quantity
    before = engine.portfolio
    shown.append(action)
    made.clock.set(NEXT_MORNING)
    engine.step(SETTLE)
    assert made.broker.account().cash == engine.portfolio.cash
    return before, engine.portfolio


@pytest.mark.parametrize("listed", [False, True], ids=["alpaca alone says so", "the feed lists it too"])
@pytest.mark.parametrize(("name", "fields"), CASES, ids=[name for name, _ in CASES])
def test_it_comes_to_the_same_to_the_cent(
    name: str, fields: dict[str, Any], *, listed: bool, tmp_path: Path
) -> None:
    action = CorporateAction(symbol="AAPL", ex_date=EX_DATE, close_before=Decimal(100), **fields)
    with account_engine(tmp_path) as made:
        made.step(enter("AAPL", 0.1))
        made.tick(minutes=5)
        made.step()
        before = made.engine.portfolio
        quantity = before.positions["AAPL"].quantity
        made.tick(minutes=60 * 24 - 5)
        at_alpaca(made, action)
        if listed and action.kind in (ActionKind.DIVIDEND, ActionKind.SPIN_OFF):
            made.feed.actions = (action,)
        report = made.step(cycle=SETTLE)
        after, book = made.engine.portfolio, made.stand_in.book
        assert after.cash == book.cash
        assert {n: p.quantity for n, p in after.positions.items()} == {
            n: h.quantity for n, h in book.holdings.items()
        }
        paper_before, paper_after = on_paper(action, quantity)
        assert after.cash - before.cash == paper_after.cash - paper_before.cash
        assert {n: p.quantity for n, p in after.positions.items()} == {
            n: p.quantity for n, p in paper_after.positions.items()
        }
        assert_measured_alike(before, after, paper_before, paper_after)
        assert_booked_once(made, report)


def assert_measured_alike(
    before: Portfolio, after: Portfolio, paper_before: Portfolio, paper_after: Portfolio
) -> None:
    """What a holding is measured against changes by the same factor on both routes."""
    if "AAPL" not in after.positions:
        return
    ours = after.positions["AAPL"].average_price / before.positions["AAPL"].average_price
    paper = paper_after.positions["AAPL"].average_price / paper_before.positions["AAPL"].average_price
    assert float(ours) == pytest.approx(float(paper), rel=1e-6)


def assert_booked_once(made: AccountEngine, report: StepReport) -> None:
    assert report.actions
    again = made.step(cycle=SETTLE)
    assert not again.actions and not again.fills and not again.cash_movements
    was = made.engine.portfolio
    made.start_again()
    made.tick(minutes=5)
    once_more = made.step(cycle=SETTLE)
    assert not once_more.actions and not once_more.fills and not once_more.cash_movements
    assert made.engine.portfolio.cash == was.cash


def test_a_merger_waits_for_the_fills_of_our_own_that_are_listed_late(tmp_path: Path) -> None:
    with account_engine(tmp_path) as made:
        made.step()
        made.stand_in.faults.plan = FaultPlan(partial=1.0)
        made.step(enter("AAPL", 0.1))
        for _ in range(6):
            made.tick(minutes=1)
        fills = [row for row in made.stand_in.book.activities if row.kind == "FILL"]
        assert len(fills) > 1 and made.stand_in.book.holdings["AAPL"].quantity == 100
        fills[-1].listed_from = made.stand_in.book.ticks + 100
        made.step()
        early = made.held("AAPL")
        assert 0 < early < 100
        at_alpaca(made, CorporateAction(
            symbol="AAPL", kind=ActionKind.MERGER, ex_date=MONDAY.date(), cash_per_share=Decimal("112.35")
        ))  # fmt: skip
        made.tick(minutes=5)
        made.step()
        assert not made.engine.last_report.actions  # type: ignore[union-attr]  # it has just stepped
        fills[-1].listed_from = 0
        for _ in range(2):
            made.tick(minutes=5)
            made.step()
        assert made.engine.portfolio.cash == made.stand_in.book.cash
        assert not made.engine.portfolio.positions and not made.engine.portfolio.account.frozen
        assert made.engine.state is TradingState.ACTIVE


def test_a_second_merger_of_the_same_symbol_and_day_is_told_and_left_to_a_person(tmp_path: Path) -> None:
    bought = CorporateAction(
        symbol="AAPL", kind=ActionKind.MERGER, ex_date=MONDAY.date(), cash_per_share=Decimal("112.35")
    )
    with account_engine(tmp_path) as made:
        for _ in range(2):
            made.step(enter("AAPL", 0.1))
            made.tick(minutes=5)
            made.step()
            assert made.held("AAPL") > 0
            at_alpaca(made, bought)
            made.tick(minutes=5)
            told = made.step()
        assert made.stand_in.book.holdings.get("AAPL") is None
        assert not told.actions and not told.fills
        conditions = made.engine.portfolio.account
        assert conditions.frozen["AAPL"].observed == 0 and conditions.cash_difference > 0
        assert any("AAPL is frozen" in note for note in told.notes), told.notes
        assert set(take_over_named(made.engine, ["AAPL", "cash"])) == {"AAPL", "cash"}
        assert made.engine.portfolio.cash == made.stand_in.book.cash
        assert not made.engine.portfolio.positions and not made.engine.portfolio.account.frozen
