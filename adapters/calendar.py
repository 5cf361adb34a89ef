"""The New York Stock Exchange's sessions, holidays and half days, from exchange_calendars."""

from __future__ import annotations

import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from core.errors import DataError

Session = tuple[date, datetime, datetime]
FIRST_DAY = date(2000, 1, 1)
LAST_DAY = date(2100, 1, 1)
STRETCH_YEARS = 2


class NyseCalendar:
    """Knows the sessions of XNYS from 2000 to 2100.

    The library is imported and its schedule built at the first question, for the years asked plus two; a
    later question beyond them builds again.
    """

    def __init__(self) -> None:
        self._from = date.max
        self._until = date.min
        self._sessions: tuple[Session, ...] = ()
        self._days: list[date] = []
        self._opens: list[datetime] = []
        self._closes: list[datetime] = []

    def sessions(self, start: date, end: date) -> Sequence[Session]:
        """List (session, opens_at, closes_at) from start to end inclusive, times aware UTC.

        Raises
        ------
        core.errors.DataError
            For days before 2000 or after 2099.
        """
        if start > end:
            return ()
        self._cover(start, end)
        return self._sessions[bisect_left(self._days, start) : bisect_right(self._days, end)]

    def is_open(self, at: datetime) -> bool:
        """Whether the exchange is in its regular session: opens_at <= at < closes_at."""
        return self.session_at(at) is not None

    def session_at(self, at: datetime) -> Session | None:
        """Give the session that runs at `at`; None when the exchange is closed."""
        day = at.astimezone(UTC).date()
        self._cover(day, day)
        index = bisect_right(self._opens, at) - 1
        return self._sessions[index] if index >= 0 and at < self._closes[index] else None

    def last_closed_session(self, at: datetime) -> Session:
        """Give the newest session whose close is not later than `at`."""
        day = at.astimezone(UTC).date()
        self._cover(day - timedelta(days=14), day)
        return self._sessions[bisect_right(self._closes, at) - 1]

    def _cover(self, start: date, end: date) -> None:
        if self._from <= start and end <= self._until:
            return
        if start < FIRST_DAY or end >= LAST_DAY:
            raise DataError(
                f"The exchange calendar reaches from {FIRST_DAY} to {LAST_DAY}, not from {start} to {end}.",
                hint="Ask for a day in between, and check the machine's clock.",
            )
        # Whole years, so that calendars made on different days share one schedule: it takes 0.2 s to build.
        since = min(self._from, max(FIRST_DAY, date(start.year - STRETCH_YEARS, 1, 1)))
        until = max(self._until, min(LAST_DAY, date(end.year + STRETCH_YEARS + 1, 1, 1)))
        self._sessions = _schedule(since, until)
        self._days, self._opens, self._closes = (list(column) for column in zip(*self._sessions, strict=True))
        self._from, self._until = since, until


@lru_cache(maxsize=8)
def _schedule(start: date, end: date) -> tuple[Session, ...]:
    # heavy: imported at first use (0.7 s)
    from exchange_calendars.exchange_calendar_xnys import XNYSExchangeCalendar  # noqa: PLC0415

    with warnings.catch_warnings():  # the library is behind pandas 3.1: Series.values of zoned times
        warnings.filterwarnings("ignore", "Series.values returning", DeprecationWarning)
        table = XNYSExchangeCalendar(start=start.isoformat(), end=end.isoformat()).schedule
    return tuple(
        (day.date(), opens.to_pydatetime().astimezone(UTC), closes.to_pydatetime().astimezone(UTC))
        for day, opens, closes in zip(table.index, table["open"], table["close"], strict=True)
    )
