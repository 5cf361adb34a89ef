"""What Alpaca lists again as corrected or canceled: booked is the difference to what the ledger has of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from adapters.alpaca.trading_client import JsonObject
from core.trading import ZERO
from core.types import CashKind, CashMovement

CORRECTED, CANCELED = "correct", "canceled"
CHANGED = {CORRECTED: "corrected", CANCELED: "canceled"}
BookedCash = Callable[[str], Sequence[Decimal]]
"""Gives the amounts that the ledger booked of an activity: its own, then each correction's, US dollars."""


def movements_of(
    row: JsonObject, kind: CashKind, amount: Decimal, name: str, at: datetime, booked: BookedCash
) -> Iterator[CashMovement]:
    """Yield what is to be booked of an activity's cash.

    An activity is booked once, by its id. One whose status says that it changed is booked as far as it differs
    from all that the ledger has of it, under an id of its own: however often it is listed or changes again, the
    ledger ends with what Alpaca says.

    Parameters
    ----------
    amount : Decimal
        What the activity comes to for the engine, US dollars.
    name : str
        Under which it is booked.
    """
    changed = CHANGED.get(str(row.get("status")))
    known = booked(name) if changed else ()
    if changed == CHANGED[CANCELED]:
        amount = ZERO
    due = amount - sum(known, ZERO)
    if not due:
        return
    sub_type = f" {row['activity_sub_type']}" if row.get("activity_sub_type") else ""
    note = f"{row['activity_type']}{sub_type}: {row.get('description') or kind.value}"
    yield CashMovement(
        movement_id=f"{name}#{len(known)}" if known else name,
        kind=kind,
        symbol=str(row["symbol"]) if row.get("symbol") else None,
        amount=due,
        at=at,
        note=f"{note}, {changed} by Alpaca from {sum(known, ZERO):+} USD" if known else note,
    )
