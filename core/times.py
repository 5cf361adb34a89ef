"""The exchange's time zone and date, and when its sessions open: 09:30 local time, half days included."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
"""The exchange's time zone: the one constant of the project."""
OPENS = time(9, 30)


def market_date(at: datetime) -> date:
    """Return the date in New York at a moment."""
    return at.astimezone(NEW_YORK).date()


@lru_cache(maxsize=512)
def opening(session: date) -> datetime:
    """Return the moment a session opens, aware UTC."""
    return datetime.combine(session, OPENS, NEW_YORK).astimezone(UTC)
