"""Orders that reach Alpaca late: how long one may still arrive, and which came after their session. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from adapters.alpaca.orders import ONE_SESSION, timestamp
from adapters.alpaca.tracked_order import TrackedOrder
from adapters.alpaca.trading_client import JsonObject
from core.ids import is_protective
from core.ports import Calendar
from core.service import OrderRecord
from core.times import market_date

CLOSED_MAX = timedelta(days=14)
GRACE = timedelta(seconds=60)
ENDS_IN = timedelta(hours=1)
"""After the close: Alpaca takes some minutes to end what has expired."""


def may_arrive(record: OrderRecord, as_of: datetime, calendar: Calendar) -> bool:
    """Tell whether an order that Alpaca does not have may still reach it."""
    return as_of < _close_after(_sent_at(record), calendar)


def holds_others_up(record: OrderRecord, as_of: datetime) -> bool:
    """Tell whether others of its symbol wait for an order on its way; one that protects is soon placed anew."""
    return not is_protective(record.client_order_id) or as_of - _sent_at(record) < GRACE


def missed_orders(
    open_rows: Mapping[str, JsonObject], recorded: Callable[[str], OrderRecord | None], calendar: Calendar
) -> Mapping[str, str]:
    """Give Alpaca's ids of open orders of ours that reached it after the close of the session they were for.

    Alpaca keeps such a one for the next open, where it would trade at a price that nothing was decided on. One
    that a person has replaced is in his hands.

    Parameters
    ----------
    open_rows : mapping of str to JsonObject
        By client_order_id.
    """
    records = {name: recorded(name) for name in open_rows if not is_protective(name)}
    return {
        name: str(open_rows[name]["id"])
        for name, record in records.items()
        if record is not None and _is_missed(record, open_rows[name], calendar)
    }


def _is_missed(record: OrderRecord, row: JsonObject, calendar: Calendar) -> bool:
    received_at = row.get("submitted_at") or row.get("created_at")
    if row.get("replaces") or row.get("replaced_by") or not received_at:
        return False
    return timestamp(received_at) >= _close_after(record.created_at, calendar)


def overdue_orders(
    found: Mapping[str, TrackedOrder | None],
    records: Mapping[str, OrderRecord],
    as_of: datetime,
    calendar: Calendar,
) -> Mapping[str, TrackedOrder]:
    """Return the orders for one session that may still trade long after it: Alpaca should have ended them."""
    return {
        name: order
        for name, order in found.items()
        if order is not None
        and order.left
        and order.row.get("time_in_force") in ONE_SESSION
        and as_of > _close_after(_sent_at(records[name]), calendar) + ENDS_IN
    }


def _sent_at(record: OrderRecord) -> datetime:
    return max(record.created_at, record.updated_at)


def _close_after(at: datetime, calendar: Calendar) -> datetime:
    """Give the first close of a session after a moment, half days and holidays as the exchange has them."""
    day = market_date(at)
    sessions = calendar.sessions(day, day + CLOSED_MAX)
    return next(closes for _, _, closes in sessions if closes > at)
