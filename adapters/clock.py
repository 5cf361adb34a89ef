"""Clocks: the real one, and one that is moved by hand (tests, backtests, recorded bars)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.errors import InvariantError


class SystemClock:
    """The machine's time, aware UTC."""

    is_real_time = True

    def now(self) -> datetime:
        """Give the current moment."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved, and never goes back.

    Parameters
    ----------
    at : datetime
        Where it starts, aware. With recorded bars: the close of the file's last session.
    """

    is_real_time = False

    def __init__(self, at: datetime) -> None:
        self._at = _utc(at)

    def now(self) -> datetime:
        """Give the moment it stands at."""
        return self._at

    def set(self, at: datetime) -> None:
        """Move to a moment that is not earlier.

        Raises
        ------
        core.errors.InvariantError
            When `at` is earlier than the clock, or has no time zone.
        """
        moment = _utc(at)
        if moment < self._at:
            raise InvariantError(f"The clock stands at {self._at} and cannot go back to {moment}.")
        self._at = moment

    def advance(self, step: timedelta) -> datetime:
        """Move on by `step` and give the new moment."""
        self.set(self._at + step)
        return self._at


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise InvariantError(f"The moment {at} has no time zone.")
    return at.astimezone(UTC)
