"""What a position's tracker keeps of buys: until they fill, or cannot any more."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from msgspec.structs import replace

from adapters.memory.journal import Step, steps_after
from adapters.memory.round_trips import FILLS_LATE_MAX, PositionTracker
from core.types import Fill, Side
from tests.default_universe import SECTOR_OF
from tests.ledger_rows import DECIDES, START, ledger_of, report


def at_day(number: int, *fills: Fill) -> Step:
    recorded = replace(report(number, DECIDES, ("KO",)), as_of=START + timedelta(days=number), fills=fills)
    ((_, step),) = steps_after(ledger_of([recorded]), 0, 1)
    return step


def test_buys_that_never_fill_are_forgotten_and_one_that_fills_late_is_known() -> None:
    tracker, most = PositionTracker(SECTOR_OF), FILLS_LATE_MAX.days + 1
    for number in range(60):
        tracker.take(at_day(number))
        assert len(tracker._entries) <= most
    assert len(tracker._entries) == most
    late = Fill(
        fill_id="late", client_order_id=f"step-{60 - most}-KO", symbol="KO", side=Side.BUY, quantity=Decimal(1),
        price=Decimal(60), fee=Decimal(0), at=START + timedelta(days=59), rule="score",
    )  # fmt: skip
    (event,) = tracker.take(at_day(59, late))
    assert event.opened and event.position.entry is not None
    assert event.position.entry.decision_id == f"step-{60 - most}"
