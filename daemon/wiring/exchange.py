"""The exchange's hours, for what has no engine to ask."""

from __future__ import annotations

from datetime import datetime

from adapters.calendar import NyseCalendar
from core.exchange_hours import next_open


def hours_at(at: datetime) -> tuple[bool, datetime | None]:
    """Return whether the exchange trades at a moment, and until when; else when it opens, if within two weeks."""
    calendar = NyseCalendar()
    session = calendar.session_at(at)
    return (True, session[2]) if session else (False, next_open(calendar, at))
