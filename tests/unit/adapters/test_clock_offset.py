from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from adapters.clock import ManualClock
from adapters.clock_offset import ClockOffset
from config.clock import ClockSettings
from core.errors import BrokerError

NOON = datetime(2024, 5, 6, 16, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Clocks:
    """Our two clocks and the broker's, each moved by hand."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self.wall = ManualClock(NOON)
        self.monotonic_seconds = 0.0
        self.offset_seconds = offset_seconds
        self.asked = 0
        self.answers_after_seconds = 0.0
        self.is_silent = False
        self.watch = ClockOffset(
            ClockSettings(), self.wall.now, self._ask, monotonic=lambda: self.monotonic_seconds
        )

    def live(self, seconds: float) -> None:
        self.wall.advance(timedelta(seconds=seconds))
        self.monotonic_seconds += seconds

    def _ask(self) -> datetime:
        self.asked += 1
        if self.is_silent:
            raise BrokerError("Alpaca can't be reached: the connection was cut.")
        self.live(self.answers_after_seconds / 2)
        theirs = self.wall.now() + timedelta(seconds=self.offset_seconds)
        self.live(self.answers_after_seconds / 2)
        return theirs


@pytest.mark.parametrize("seconds", [-120, -30, -5, -2, -0.1, 0.1, 2, 5, 30, 120])
def test_an_offset_within_bounds_corrects_nothing_and_one_beyond_is_named(seconds: float) -> None:
    clocks = Clocks(seconds)
    beyond = abs(seconds) > 5
    assert clocks.watch.correction(doubtful=False) == timedelta(seconds=seconds if beyond else 0)
    assert clocks.watch.card()["offset_seconds"] == seconds
    assert bool(clocks.watch.fault) == beyond
    if beyond:
        side = "behind" if seconds > 0 else "ahead of"
        assert f"This machine's clock is {abs(seconds):.1f} s {side} Alpaca's" in clocks.watch.fault
        assert clocks.watch.notes() == (clocks.watch.fault,)


def test_half_of_the_answers_time_is_taken_off() -> None:
    clocks = Clocks(1.0)
    clocks.answers_after_seconds = 2.0
    clocks.watch.correction(doubtful=False)
    assert clocks.watch.card()["offset_seconds"] == 1.0


def test_it_is_measured_each_quarter_of_an_hour_and_sooner_in_doubt() -> None:
    clocks = Clocks()
    for _ in range(60):
        clocks.watch.correction(doubtful=False)
        clocks.live(60)
    assert clocks.asked == 4
    clocks.watch.correction(doubtful=True)
    clocks.watch.correction(doubtful=True)
    assert clocks.asked == 5
    clocks.live(61)
    clocks.watch.correction(doubtful=True)
    assert clocks.asked == 6


def test_a_clock_that_jumped_is_measured_at_once() -> None:
    clocks = Clocks()
    clocks.watch.correction(doubtful=False)
    clocks.live(5)
    clocks.wall.advance(timedelta(hours=8))  # a sleep: the monotonic clock stood still
    clocks.watch.correction(doubtful=False)
    assert clocks.asked == 2


def test_a_broker_that_does_not_answer_is_named_and_asked_a_minute_later() -> None:
    clocks = Clocks(30.0)
    clocks.is_silent = True
    assert clocks.watch.correction(doubtful=True) == timedelta(0)
    assert clocks.watch.correction(doubtful=True) == timedelta(0)
    assert clocks.asked == 1
    assert clocks.watch.notes() == (
        "clock: Alpaca's clock could not be asked: Alpaca can't be reached: the connection was cut",
    )
    clocks.is_silent = False
    clocks.live(61)
    assert clocks.watch.correction(doubtful=False) == 30 * SECOND
    assert clocks.watch.notes() == (clocks.watch.fault,)


def test_an_answer_that_took_longer_than_the_bound_says_nothing() -> None:
    clocks = Clocks(30.0)
    clocks.answers_after_seconds = 6.0
    assert clocks.watch.correction(doubtful=False) == timedelta(0)
    assert "too slowly" in clocks.watch.notes()[0]


def test_one_fault_keeps_its_words_and_ends_with_the_offset() -> None:
    clocks = Clocks(30.0)
    clocks.watch.correction(doubtful=False)
    first = clocks.watch.fault
    clocks.offset_seconds = 31.0
    clocks.live(15 * 60)
    clocks.watch.correction(doubtful=False)
    assert clocks.watch.fault == first
    clocks.offset_seconds = 0.2
    clocks.live(15 * 60)
    assert clocks.watch.correction(doubtful=False) == timedelta(0)
    assert clocks.watch.notes() == ()


def test_without_a_broker_nothing_is_known() -> None:
    watch = ClockOffset(ClockSettings(), ManualClock(NOON).now)
    assert watch.correction(doubtful=True) == timedelta(0)
    assert watch.card()["offset_seconds"] is None
    assert watch.card()["against"] is None
