"""When the New York exchanges open: 09:30 local time on every session, half days included."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from core.times import NEW_YORK, market_date

OPENS = time(9, 30)


@lru_cache(maxsize=512)
def opening(session: date) -> datetime:
    """Give the moment a session opens, aware UTC."""
    return datetime.combine(session, OPENS, NEW_YORK).astimezone(UTC)


@lru_cache(maxsize=8)
def next_opening_date(at: datetime) -> date:
    """Give the first date whose opening is later than `at`; whether it is a session is in the panel."""
    today = market_date(at)
    return today if at < opening(today) else today + timedelta(days=1)
