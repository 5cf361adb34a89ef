"""What is asked of the ledger is found however old it is: no list is cut before it is searched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice

from msgspec import structs

from adapters.ledger.reader import STEPS_A_READ
from core.orders import SPLIT
from core.types import Fill, RefusedOrder, Side, StepReport
from tests.ledger_rows import CHECKS, DECIDES, START, ledger_of, report

MANY = 3 * STEPS_A_READ + 5


def test_the_steps_come_newest_first_through_every_page() -> None:
    steps = [report(number, CHECKS) for number in range(MANY)]
    ledger = ledger_of(steps)
    assert list(ledger.steps()) == steps[::-1]
    assert ledger.decisions(MANY + 10) == tuple(steps[::-1])
    assert ledger.decisions(7) == tuple(islice(ledger.steps(), 7))


def test_steps_of_some_cycles_and_before_a_decision() -> None:
    steps = [report(number, DECIDES if number % 50 == 0 else CHECKS) for number in range(MANY)]
    ledger = ledger_of(steps)
    decided = [step for step in steps if step.cycle.name == "decide"]
    assert len(decided) == 3
    assert list(ledger.steps(["decide"])) == decided[::-1]
    assert list(ledger.steps(["decide"], before=decided[-1].decision_id)) == decided[-2::-1]
    assert list(ledger.steps(before="step-40")) == steps[39::-1]
    assert list(ledger.steps(["flatten"])) == []
    assert list(ledger.steps(before="unknown")) == []


def test_the_orders_of_a_decision_are_found_behind_a_thousand_others() -> None:
    old = report(0, replace(DECIDES, as_of=None), ("MSFT", "AAPL"))
    ledger = ledger_of([old, *(report(number, DECIDES, ("NVDA",)) for number in range(1, 1001))])
    assert [order.symbol for order in ledger.orders_of("step-0")] == ["MSFT", "AAPL"]
    assert {order.created_at for order in ledger.orders_of("step-0")} == {START}
    assert ledger.order_counts() == {"proposed": 1002}


def test_a_sessions_fills_are_counted_by_new_yorks_date_and_no_split_is_one() -> None:
    moments = {
        "late the day before": datetime(2024, 3, 5, 4, 59, tzinfo=UTC),
        "first": datetime(2024, 3, 5, 5, 0, tzinfo=UTC),
        "split": datetime(2024, 3, 5, 15, 0, tzinfo=UTC),
        "last": datetime(2024, 3, 6, 4, 59, tzinfo=UTC),
        "the day after": datetime(2024, 3, 6, 5, 0, tzinfo=UTC),
    }
    fills = tuple(
        Fill(
            fill_id=name, client_order_id=name, symbol="AAPL", side=Side.BUY, quantity=Decimal(1),
            price=Decimal(1), fee=Decimal(0), at=at, rule=SPLIT if name == "split" else "score",
        )
        for name, at in moments.items()
    )  # fmt: skip
    ledger = ledger_of([structs.replace(report(0, DECIDES, ("AAPL",)), fills=fills)])
    assert ledger.fill_count(date(2024, 3, 5)) == 2
    assert [ledger.fill_count(date(2024, 3, day)) for day in (4, 6, 7)] == [1, 1, 0]


def refusing(number: int, symbol: str, *, what_if: bool = False) -> StepReport:
    made = report(number, replace(DECIDES, as_of=START) if what_if else DECIDES)
    refused = RefusedOrder(symbol=symbol, side=Side.BUY, rule="max_positions", limit="10", observed="11")
    return structs.replace(made, plan=structs.replace(made.plan, refused=(refused,)))


def test_refusals_come_newest_first_with_their_step_and_without_what_ifs() -> None:
    ledger = ledger_of(
        [refusing(0, "KO"), report(1, CHECKS), refusing(2, "PG", what_if=True), refusing(3, "XOM")]
    )
    found = ledger.refusals(10)
    assert [(one.decision_id, one.refused.symbol) for one in found] == [("step-3", "XOM"), ("step-0", "KO")]
    assert found[0].at == START + timedelta(minutes=3)
    assert found[0].refused.rule == "max_positions"
    assert [one.refused.symbol for one in ledger.refusals(1)] == ["XOM"]
