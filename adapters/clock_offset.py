"""How far this machine's clock is from the broker's: measured now and then, named when it matters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import structlog

from config.clock import ClockSettings
from core.errors import BrokerError
from core.plain_words import plain_reason

RETRY_SECONDS = 60.0
MOVED_SECONDS = 1.0
log = structlog.get_logger("clock")


class _Measured(NamedTuple):
    """A measurement: what it gave, and where both of our clocks stood."""

    offset: timedelta
    at: datetime
    monotonic_seconds: float


class ClockOffset:
    """Holds this machine's clock against the broker's.

    Measured at first use, then each `measure_minutes`; at once when the wall clock has moved against the
    monotonic one (a suspend, a clock that was set) or somebody has a doubt; after a failure a minute later.

    Parameters
    ----------
    now : callable
        This machine's clock, aware UTC.
    ask : callable or None
        Asks the broker for its time, aware UTC; None where no broker has a clock.
    monotonic : callable
        Seconds on a clock that nobody sets.

    Attributes
    ----------
    fault : str
        What is wrong with this machine's clock and what that means; empty while it is within bounds. The figure
        in it is the one it began with, so that one cause is one message.
    """

    def __init__(
        self,
        settings: ClockSettings,
        now: Callable[[], datetime],
        ask: Callable[[], datetime] | None = None,
        *,
        broker: str = "Alpaca",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tolerance = timedelta(seconds=settings.offset_seconds_max)
        self._every_seconds = settings.measure_minutes * 60
        self._ask = ask
        self._now = now
        self._broker = broker
        self._monotonic = monotonic
        self._measured: _Measured | None = None
        self._retry_at_seconds = float("-inf")
        self._unanswered = ""
        self.fault = ""

    def correction(self, *, doubtful: bool) -> timedelta:
        """Return the broker's clock less ours, measuring first when that is due; zero within bounds or unknown.

        Parameters
        ----------
        doubtful : bool
            Whether something speaks against our clock: then it is measured anew, but not twice a minute.
        """
        if self._ask is not None and self._is_due(doubtful):
            self._retry_at_seconds = self._monotonic() + RETRY_SECONDS
            self._measure(self._ask)
        if self._measured is None or abs(self._measured.offset) <= self.tolerance:
            return timedelta(0)
        return self._measured.offset

    def notes(self) -> tuple[str, ...]:
        """Name what is degraded."""
        return tuple(note for note in (self.fault, self._unanswered) if note)

    def card(self) -> Mapping[str, Any]:
        """Describe it for the status."""
        known = self._measured
        return {
            "offset_seconds": round(known.offset.total_seconds(), 3) if known else None,
            "measured_at": known.at.isoformat() if known else None,
            "against": self._broker if self._ask is not None else None,
            "offset_seconds_max": self.tolerance.total_seconds(),
            "fault": self.fault,
        }

    def _is_due(self, doubtful: bool) -> bool:
        moment, known = self._monotonic(), self._measured
        if known is not None:
            passed_seconds = moment - known.monotonic_seconds
            if abs((self._now() - known.at).total_seconds() - passed_seconds) > MOVED_SECONDS:
                return True
            if not doubtful and passed_seconds < self._every_seconds:
                return False
        return moment >= self._retry_at_seconds

    def _measure(self, ask: Callable[[], datetime]) -> None:
        before = self._now()
        try:
            theirs = ask()
        except BrokerError as error:
            self._unanswered = f"clock: {self._broker}'s clock could not be asked: {plain_reason(error)}"
            return
        after = self._now()
        if after - before > self.tolerance:
            self._unanswered = f"clock: {self._broker} answered too slowly to compare the clocks"
            return
        self._unanswered = ""
        self._measured = _Measured(theirs - (before + (after - before) / 2), after, self._monotonic())
        self._judge()

    def _judge(self) -> None:
        """Name the clock when it begins to be off, and log when that is over."""
        seconds = self._measured.offset.total_seconds() if self._measured else 0.0
        if abs(seconds) <= self.tolerance.total_seconds():
            if self.fault:
                log.info("clock.right_again", offset_seconds=seconds)
            self.fault = ""
            return
        side = "behind" if seconds > 0 else "ahead of"
        named = f" s {side} {self._broker}'s."
        if named in self.fault:
            return
        self.fault = (
            f"This machine's clock is {abs(seconds):.1f}{named} Prices are judged by {self._broker}'s clock, so "
            "stops and exits go on; nothing new is bought until the clocks agree. Set this machine's clock: turn "
            "its network time (NTP) on."
        )
        log.warning("clock.off", offset_seconds=seconds)
