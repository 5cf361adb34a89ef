from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock, SystemClock
from core.errors import DataError, InvariantError


@pytest.fixture(scope="module")
def calendar() -> NyseCalendar:
    return NyseCalendar()


def days(calendar: NyseCalendar, start: date, end: date) -> list[date]:
    return [day for day, *_ in calendar.sessions(start, end)]


def test_holidays_and_the_day_of_mourning_have_no_session(calendar: NyseCalendar) -> None:
    assert days(calendar, date(2025, 1, 6), date(2025, 1, 10)) == [
        date(2025, 1, 6), date(2025, 1, 7), date(2025, 1, 8), date(2025, 1, 10),
    ]  # fmt: skip
    assert days(calendar, date(2024, 7, 4), date(2024, 7, 4)) == []


def test_times_follow_new_york_through_the_clock_change_and_the_half_day(calendar: NyseCalendar) -> None:
    assert calendar.sessions(date(2024, 3, 8), date(2024, 3, 8))[0][1:] == (
        datetime(2024, 3, 8, 14, 30, tzinfo=UTC), datetime(2024, 3, 8, 21, 0, tzinfo=UTC),
    )  # fmt: skip
    assert calendar.sessions(date(2024, 3, 11), date(2024, 3, 11))[0][1] == datetime(
        2024, 3, 11, 13, 30, tzinfo=UTC
    )
    assert calendar.sessions(date(2024, 11, 29), date(2024, 11, 29))[0][2] == datetime(
        2024, 11, 29, 18, tzinfo=UTC
    )


def test_open_from_the_opening_until_just_before_the_close(calendar: NyseCalendar) -> None:
    _, opens_at, closes_at = calendar.sessions(date(2024, 11, 29), date(2024, 11, 29))[0]
    blink = timedelta(microseconds=1)
    assert [calendar.is_open(at) for at in (opens_at - blink, opens_at, closes_at - blink, closes_at)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_a_session_is_closed_from_its_close_on(calendar: NyseCalendar) -> None:
    closes_at = datetime(2024, 11, 29, 18, tzinfo=UTC)
    assert calendar.last_closed_session(closes_at)[0] == date(2024, 11, 29)
    assert calendar.last_closed_session(closes_at - timedelta(seconds=1))[0] == date(2024, 11, 27)
    assert calendar.last_closed_session(datetime(2024, 12, 1, tzinfo=UTC))[0] == date(2024, 11, 29)


def test_later_years_extend_what_is_known_and_change_nothing_of_it(calendar: NyseCalendar) -> None:
    before = calendar.sessions(date(2024, 1, 1), date(2024, 12, 31))
    assert days(calendar, date(2040, 12, 24), date(2040, 12, 26)) == [date(2040, 12, 24), date(2040, 12, 26)]
    assert calendar.sessions(date(2024, 1, 1), date(2024, 12, 31)) == before
    assert len(before) == 252


def test_beyond_its_years_it_refuses(calendar: NyseCalendar) -> None:
    with pytest.raises(DataError, match="2000-01-01 to 2100-01-01"):
        calendar.sessions(date(2101, 1, 1), date(2101, 2, 1))
    with pytest.raises(DataError, match="2000-01-01 to 2100-01-01"):
        calendar.sessions(date(1999, 1, 1), date(2024, 2, 1))


def test_an_empty_span_is_empty(calendar: NyseCalendar) -> None:
    assert calendar.sessions(date(2024, 2, 1), date(2024, 1, 1)) == ()


def test_the_system_clock_is_aware_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_the_manual_clock_stands_until_moved_and_never_goes_back() -> None:
    clock = ManualClock(datetime(2024, 1, 2, 9, tzinfo=UTC))
    assert clock.now() == clock.now() == datetime(2024, 1, 2, 9, tzinfo=UTC)
    assert clock.advance(timedelta(minutes=15)) == datetime(2024, 1, 2, 9, 15, tzinfo=UTC)
    with pytest.raises(InvariantError, match="cannot go back"):
        clock.set(datetime(2024, 1, 2, 9, tzinfo=UTC))
    with pytest.raises(InvariantError, match="no time zone"):
        ManualClock(datetime(2024, 1, 2))  # noqa: DTZ001  # the point of the test
