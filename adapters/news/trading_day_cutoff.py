"""The trading-day cutoff: when news with a day but no time may be used."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from core.ports import Calendar
from core.times import NEW_YORK

LOOK_AHEAD = timedelta(days=14)


def trading_day_cutoff(calendar: Calendar, day: date) -> tuple[datetime, datetime]:
    """Give (published_at, received_at) of an item known only by its day: it counts from the next session.

    Published at the end of that day in New York, received when the first later session opens: whatever hour of
    the day it was, a decision of that day cannot have used it.
    """
    ends_at = datetime.combine(day + timedelta(days=1), time(0), tzinfo=NEW_YORK).astimezone(UTC)
    later = calendar.sessions(day + timedelta(days=1), day + LOOK_AHEAD)
    opens_at = later[0][1] if later else ends_at + LOOK_AHEAD
    return ends_at, max(ends_at, opens_at)
