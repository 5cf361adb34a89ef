"""Orders that were sent and that Alpaca does not have: how long one may still arrive. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from core.ids import is_protective
from core.ports import Calendar
from core.service import OrderRecord
from core.times import market_date

CLOSED_MAX = timedelta(days=14)
GRACE = timedelta(seconds=60)


def may_arrive(record: OrderRecord, as_of: datetime, calendar: Calendar) -> bool:
    """Tell whether an order that Alpaca does not have may still reach it."""
    return as_of < _close_after(_sent_at(record), calendar)


def holds_others_up(record: OrderRecord, as_of: datetime) -> bool:
    """Tell whether others of its symbol wait for an order on its way; one that protects is soon placed anew."""
    return not is_protective(record.client_order_id) or as_of - _sent_at(record) < GRACE


def _sent_at(record: OrderRecord) -> datetime:
    return max(record.created_at, record.updated_at)


def _close_after(at: datetime, calendar: Calendar) -> datetime:
    """Give the first close of a session after a moment, half days and holidays as the exchange has them."""
    day = market_date(at)
    sessions = calendar.sessions(day, day + CLOSED_MAX)
    return next(closes for _, _, closes in sessions if closes > at)
