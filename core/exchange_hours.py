"""When the exchange trades next: what an order that is sent outside its hours waits for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.ports import Calendar
from core.times import NEW_YORK

LONGEST_CLOSURE = timedelta(days=14)


def next_open(calendar: Calendar, at: datetime) -> datetime | None:
    """Return the first opening after `at`; None when there is none within two weeks."""
    day = at.astimezone(UTC).date()
    listed = calendar.sessions(day, day + LONGEST_CLOSURE)
    return next((opens_at for _, opens_at, _ in listed if opens_at > at), None)


def closed_note(calendar: Calendar, at: datetime) -> str:
    """Say that the exchange is closed and when what is sent now can fill; empty while it trades."""
    opens_at = None if calendar.is_open(at) else next_open(calendar, at)
    if opens_at is None:
        return ""
    local = opens_at.astimezone(NEW_YORK)
    return f"The exchange is closed: orders fill at its next open, {local:%A %Y-%m-%d %H:%M} New York, or later."
