"""A start is tried again on what may come back, ever less often, until it is stopped; nothing else is retried."""

from __future__ import annotations

import threading

import pytest

from core.errors import BrokerError, LedgerError, Recoverable
from daemon.start_retries import start_retries


class HandMovedStop(threading.Event):
    """The stop event of a daemon whose waits take no time; it is set within the n-th wait."""

    def __init__(self, stops_in: int = 0) -> None:
        super().__init__()
        self.waited_seconds: list[float | None] = []
        self._stops_in = stops_in

    def wait(self, timeout: float | None = None) -> bool:
        self.waited_seconds.append(timeout)
        if len(self.waited_seconds) == self._stops_in:
            self.set()
        return self.is_set()


class Start:
    """A start that fails a number of times before it goes well."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.attempts = 0
        self._failures = failures
        self._error = error

    def __call__(self) -> str:
        self.attempts += 1
        if self.attempts <= self._failures:
            raise self._error
        return "started"


def test_it_waits_twice_as_long_each_time_and_a_minute_at_most() -> None:
    stop, start = HandMovedStop(), Start(8, BrokerError("away"))
    noted: list[tuple[Recoverable, float]] = []
    assert start_retries(stop, lambda error, wait: noted.append((error, wait)))(start) == "started"
    waits = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert stop.waited_seconds == waits
    assert [(str(error), wait) for error, wait in noted] == [("away", wait) for wait in waits]


def test_what_nobody_can_recover_from_is_not_tried_again() -> None:
    start = Start(1, LedgerError("torn"))
    with pytest.raises(LedgerError, match="torn"):
        start_retries(HandMovedStop(), lambda error, wait: None)(start)
    assert start.attempts == 1


def test_a_stop_ends_the_waiting_without_an_error() -> None:
    stop, start = HandMovedStop(stops_in=3), Start(99, BrokerError("away"))
    assert start_retries(stop, lambda error, wait: None)(start) is None
    assert start.attempts == 4, "the attempt after the wait in which it was stopped is the last"
