"""The watch over the clocks: a machine that slept, or a clock that was moved, is noticed within half a minute.

An alarm waits on the monotonic clock, which stands still while a machine sleeps (a closed lid, a paused VM) and
does not follow when the wall clock is set; so after either the alarm would ring hours late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.ports import Clock

LOOK_SECONDS = 30.0
TOLERANCE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockGap:
    """Time that passed on the wall clock and in which nothing ran, or which a clock that was set back repeats.

    Attributes
    ----------
    awake_seconds : float
        How much of it passed on the monotonic clock: little for a sleep or a clock that was set, all of it for
        a process that was stopped.
    """

    since: datetime
    until: datetime
    awake_seconds: float

    @property
    def text(self) -> str:
        """What happened, in words."""
        since, until = (f"{moment:%Y-%m-%d %H:%M:%S}Z" for moment in (self.since, self.until))
        awake = timedelta(seconds=self.awake_seconds)
        if self.until - self.since < awake - TOLERANCE:
            back_seconds = (awake - (self.until - self.since)).total_seconds()
            return f"The clock was set back by {back_seconds:.0f} s, at {until}."
        if self.until - self.since <= awake + TOLERANCE:
            return f"The process was held up from {since} to {until}."
        return f"The machine slept, or its clock was set forward, from {since} to {until}."


class ClockWatch:
    """Compares wall and monotonic clock from look to look.

    Parameters
    ----------
    monotonic : callable
        Returns seconds on a clock that nobody sets.
    """

    def __init__(self, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._wall_at, self._awake_at = clock.now(), monotonic()

    def look(self) -> ClockGap | None:
        """Return the gap since the last look, which was to be `LOOK_SECONDS` ago; None when there is none."""
        since, awake = self._wall_at, self._awake_at
        self._wall_at, self._awake_at = self._clock.now(), self._monotonic()
        passed, awake_seconds = self._wall_at - since, self._awake_at - awake
        set_back = passed < timedelta(seconds=awake_seconds) - TOLERANCE
        if not set_back and passed <= timedelta(seconds=LOOK_SECONDS) + TOLERANCE:
            return None
        return ClockGap(since=since, until=self._wall_at, awake_seconds=awake_seconds)
