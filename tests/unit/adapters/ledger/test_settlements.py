from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from adapters.ledger import SqliteLedger
from adapters.ledger.database import Survives
from adapters.ledger.deferred import DeferredLedger
from adapters.ledger.read_back import require_recorded
from adapters.memory.journal import steps_after
from adapters.memory.round_trips import PositionTracker
from config.environment import OrderRoute
from core.errors import LedgerError
from core.orders import SPLIT
from core.times import opening
from core.types import (
    ActionKind,
    CashKind,
    CashMovement,
    CorporateAction,
    Fill,
    OrderStatus,
    Portfolio,
    Side,
    StepReport,
)
from tests.default_universe import SECTOR_OF
from tests.ledger_rows import CHECKS, DECIDES, START, report

EX_DATE = date(2024, 3, 5)
SPLIT_OF = CorporateAction(
    symbol="KO", kind=ActionKind.SPLIT, ex_date=EX_DATE, ratio=Decimal("0.25"), source="yfinance"
)
PAID = CashMovement(
    movement_id="dividend-KO-2024-03-05", kind=CashKind.DIVIDEND, symbol="KO", amount=Decimal("4.60"),
    at=opening(EX_DATE), note="KO: dividend",
)  # fmt: skip


@pytest.fixture(params=["file", "memory", "deferred"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteLedger]:
    path, route = tmp_path / "ledger.db" if request.param == "file" else None, OrderRoute.PAPER_BUILTIN
    opened = DeferredLedger(route=route) if request.param == "deferred" else SqliteLedger(path, route=route)
    yield opened
    opened.close()


def fill(name: str, side: Side, quantity: str, price: str, days: int, rule: str = "score") -> Fill:
    return Fill(
        fill_id=name, client_order_id=name, symbol="KO", side=side, quantity=Decimal(quantity),
        price=Decimal(price), fee=Decimal(0), at=START + timedelta(days=days), rule=rule,
    )  # fmt: skip


def settled(number: int, equity: str = "1000", at: datetime = START, **fields: object) -> StepReport:
    made = report(number, CHECKS)
    plan = replace(made.plan, portfolio=Portfolio(cash=Decimal(equity)))
    return replace(made, as_of=at + timedelta(minutes=number), plan=plan, **fields)


def test_movements_and_actions_are_booked_once_and_come_back_as_they_were(ledger: SqliteLedger) -> None:
    step = settled(1, cash_movements=(PAID,), actions=(SPLIT_OF,))
    assert ledger.new_cash_movements([PAID, PAID]) == (PAID,) and ledger.new_actions([SPLIT_OF]) == (SPLIT_OF,)
    ledger.record(step)
    assert ledger.new_cash_movements([PAID]) == () and ledger.new_actions([SPLIT_OF]) == ()
    assert ledger.decision("step-1") == step
    ledger.record(settled(2, cash_movements=(PAID,), actions=(SPLIT_OF,)))
    assert ledger.cash_movements(9) == (PAID,)


def test_a_split_resizes_the_orders_that_were_open_when_it_took_effect(ledger: SqliteLedger) -> None:
    ledger.record(replace(report(1, DECIDES, ("KO", "PEP")), cycle=CHECKS))
    ledger.update_status({"step-1-KO": "submitted", "step-1-PEP": "submitted"})
    later = replace(report(2, DECIDES, ("KO",)), cycle=CHECKS, as_of=opening(EX_DATE) + timedelta(hours=1))
    ledger.record(later)
    ledger.record(settled(3, actions=(SPLIT_OF,)))
    ledger.record(settled(4, actions=(SPLIT_OF,)))
    sizes = {order.client_order_id: (order.quantity, order.reference_price) for order in ledger.orders(9)}
    assert sizes == {
        "step-1-KO": ("2.500000", "400.0000"), "step-1-PEP": ("10", "100.00"), "step-2-KO": ("10", "100.00"),
    }  # fmt: skip
    ledger.record(settled(5, fills=(fill("step-1-KO", Side.BUY, "2.5", "400", 2),)))
    order = ledger.order("step-1-KO")
    assert order is not None and order.status is OrderStatus.FILLED


REST_OLD = fill("step-1-KO", Side.BUY, "6", "100", 0)
REST_NEW = fill("step-1-KO", Side.BUY, "1.5", "400", 2)


@pytest.mark.parametrize("rest", [REST_OLD, REST_NEW])
@pytest.mark.parametrize("split_is_told", [0, 1, 2])
def test_what_traded_before_a_split_is_not_asked_for_anew(
    ledger: SqliteLedger, split_is_told: int, rest: Fill
) -> None:
    """Of 10 shares 4 traded before a split of 4 into 1; the other 6 before it too, or as 1.5 after it."""
    ledger.record(replace(report(1, DECIDES, ("KO",)), cycle=CHECKS))
    ledger.update_status({"step-1-KO": "submitted"})
    early = replace(fill("step-1-KO", Side.BUY, "4", "100", 0), fill_id="early")
    for number, told in enumerate((early, rest)):
        ledger.record(settled(2 + number, fills=(told,), actions=(SPLIT_OF,) if number == split_is_told else ()))
        if not number:
            order = ledger.order("step-1-KO")
            assert order is not None and order.status is OrderStatus.PARTIALLY_FILLED
    ledger.record(settled(4, actions=(SPLIT_OF,)))
    order = ledger.order("step-1-KO")
    assert order is not None and order.status is OrderStatus.FILLED


def test_a_split_that_is_told_before_all_that_traded_leaves_the_order_whole(ledger: SqliteLedger) -> None:
    ledger.record(replace(report(1, DECIDES, ("KO",)), cycle=CHECKS))
    ledger.update_status({"step-1-KO": "submitted"})
    ledger.record(settled(2, actions=(SPLIT_OF,)))
    early = replace(fill("step-1-KO", Side.BUY, "4", "100", 0), fill_id="early")
    for number, told in enumerate((early, REST_OLD)):
        order = ledger.order("step-1-KO")
        assert order is not None and order.status is not OrderStatus.FILLED
        ledger.record(settled(3 + number, fills=(told,)))
    order = ledger.order("step-1-KO")
    assert order is not None and (order.status, Decimal(order.quantity)) == (OrderStatus.FILLED, Decimal(10))


def test_a_trade_over_a_split_and_a_dividend_counts_both_in_ledger_and_memory(
    ledger: SqliteLedger,
) -> None:
    ledger.record(settled(1, fills=(fill("b", Side.BUY, "10", "100", 0),)))
    split = fill("split-KO-2024-03-05", Side.SELL, "7.5", "0", 1, SPLIT)
    ledger.record(settled(2, fills=(split,), actions=(SPLIT_OF,)))
    assert ledger.trades(5) == ()
    ledger.record(settled(3, cash_movements=(PAID,)))
    ledger.record(settled(4, fills=(fill("s", Side.SELL, "2.5", "404", 3),)))
    (trade,) = ledger.trades(5)
    assert trade.quantity == Decimal("2.5") and trade.entry_price == 400 and trade.exit_price == 404
    assert trade.dividends_usd == Decimal("4.60")
    assert trade.profit_usd == Decimal("14.60"), "1010 back, 1000 paid, 4.60 earned"
    tracker = PositionTracker(SECTOR_OF)
    steps = [step for _, step in steps_after(ledger, 0, 100)]
    (closed,) = [event for step in steps for event in tracker.take(step) if event.closed]
    assert closed.position.round_trip == trade


def test_what_a_person_pays_in_is_no_flow_of_the_first_mark_and_one_of_the_next(ledger: SqliteLedger) -> None:
    def deposit(name: str, amount: str, days: int) -> CashMovement:
        kind = CashKind.DEPOSIT if Decimal(amount) > 0 else CashKind.WITHDRAWAL
        at = datetime(2024, 3, 4, 21, tzinfo=UTC) + timedelta(days=days)
        return CashMovement(movement_id=name, kind=kind, symbol=None, amount=Decimal(amount), at=at)

    ledger.record(settled(1, "1000", cash_movements=(deposit("a", "1000", 0),)))
    moved = (deposit("b", "500", 1), deposit("c", "-100", 1), replace(PAID, at=START + timedelta(days=1)))
    ledger.record(settled(2, "1404.60", START + timedelta(days=1), cash_movements=moved))
    ledger.record(settled(3, "1404.60", START + timedelta(days=2)))
    assert [mark.external_flow for mark in ledger.equity_marks(9)] == [0, 400, 0]


@pytest.mark.parametrize("lost", ["fills", "cash_movements", "actions"])
def test_money_that_is_not_where_it_was_written_is_missed(ledger: SqliteLedger, lost: str) -> None:
    bought = fill("b", Side.BUY, "10", "100", 0)
    step = settled(1, fills=(bought,), cash_movements=(PAID,), actions=(SPLIT_OF,))
    ledger.record(replace(step, **{lost: ()}))
    (_, body), *_ = ledger.journal(0, 1)
    with (
        pytest.raises(LedgerError, match="does not hold it"),
        ledger._database.transaction(Survives.KILL) as cursor,
    ):
        require_recorded(cursor, step, body, None)
