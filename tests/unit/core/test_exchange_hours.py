"""When an order that is sent while the exchange is closed can fill."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from adapters.calendar import NyseCalendar
from core.exchange_hours import closed_note, next_open

CALENDAR = NyseCalendar()


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        (datetime(2024, 3, 8, 22, 0, tzinfo=UTC), "Monday 2024-03-11 09:30"),  # summer time begins in between
        (
            datetime(2024, 7, 3, 17, 30, tzinfo=UTC),
            "Friday 2024-07-05 09:30",
        ),  # a half day, a holiday
        (datetime(2024, 3, 11, 13, 29, 59, tzinfo=UTC), "Monday 2024-03-11 09:30"),
    ],
)
def test_the_next_open_is_named_in_new_york(at: datetime, opens: str) -> None:
    assert opens in closed_note(CALENDAR, at)


def test_nothing_is_said_while_it_trades() -> None:
    at = datetime(2024, 3, 11, 13, 30, tzinfo=UTC)
    assert closed_note(CALENDAR, at) == ""
    following = next_open(CALENDAR, at)
    assert following is not None
    assert following > at
