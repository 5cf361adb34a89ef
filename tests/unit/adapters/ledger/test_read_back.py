"""What was recorded is read back: a trigger that drops or changes rows is found before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from msgspec.structs import replace

from adapters.ledger import SqliteLedger
from config.environment import OrderRoute
from core.errors import LedgerError
from core.types import StepReport, TradingState
from tests.ledger_rows import DECIDES, report

DROPPED = "BEFORE INSERT ON {} BEGIN SELECT RAISE(IGNORE); END"
CHANGED = {
    "steps": "AFTER INSERT ON steps BEGIN UPDATE steps SET report = x'7b7d'; END",
    "orders": "AFTER INSERT ON orders BEGIN UPDATE orders SET quantity = '1000000'; END",
    "book": "AFTER INSERT ON book BEGIN UPDATE book SET portfolio = x'7b7d'; END",
    "state": "AFTER INSERT ON book BEGIN UPDATE book SET trading_state = 'active'; END",
}


def step() -> StepReport:
    made = report(1, DECIDES, ("KO", "PEP"))
    return replace(made, plan=replace(made.plan, state=TradingState.REDUCING))


@pytest.fixture
def ledger() -> Iterator[SqliteLedger]:
    """A ledger in memory, where no trigger is looked for: what is found is found by reading back."""
    with closing(SqliteLedger(None, route=OrderRoute.PAPER_BUILTIN)) as made:
        yield made


def put_in(ledger: SqliteLedger, trigger: str) -> None:
    ledger._database._writer.execute(f"CREATE TRIGGER quiet {trigger}")


@pytest.mark.parametrize(
    "trigger", [*(DROPPED.format(t) for t in ("steps", "orders", "book")), *CHANGED.values()]
)
def test_a_step_that_is_not_there_as_it_was_written_is_undone(ledger: SqliteLedger, trigger: str) -> None:
    put_in(ledger, trigger)
    with pytest.raises(LedgerError, match=r"does not hold it.*POST /resume"):
        ledger.record(step())
    assert ledger.last_step() == 0
    assert ledger.orders(10) == ()


def test_a_halt_that_is_not_there_is_told(ledger: SqliteLedger) -> None:
    put_in(ledger, CHANGED["state"])
    with pytest.raises(LedgerError, match="the trading state halted"):
        ledger.set_state(TradingState.HALTED, "by a person")


def test_without_a_trigger_the_same_step_is_recorded_once(ledger: SqliteLedger) -> None:
    ledger.record(step())
    ledger.record(step())
    assert ledger.last_step() == 1
    assert [order.symbol for order in ledger.orders(10)] == ["PEP", "KO"]
