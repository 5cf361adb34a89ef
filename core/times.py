"""The exchange's own date."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")


def market_date(at: datetime) -> date:
    """Give the date in New York at a moment."""
    return at.astimezone(NEW_YORK).date()
