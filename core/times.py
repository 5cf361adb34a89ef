"""The exchange's time zone and date."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
"""The exchange's time zone: the one constant of the project."""


def market_date(at: datetime) -> date:
    """Return the date in New York at a moment."""
    return at.astimezone(NEW_YORK).date()
