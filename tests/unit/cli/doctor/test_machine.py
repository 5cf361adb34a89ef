"""What is said of this machine."""

from __future__ import annotations

from datetime import UTC, datetime

from cli.doctor import machine


def test_the_exchange_is_open_or_opens_by_the_calendar() -> None:
    half_day = machine.exchange(datetime(2024, 11, 29, 15, 0, tzinfo=UTC)).found
    assert half_day == "NYSE is open until Fri 2024-11-29 13:00 New York; here it is Fri 10:00 there"
    weekend = machine.exchange(datetime(2024, 3, 9, 15, 0, tzinfo=UTC)).found
    assert "closed, opens Mon 2024-03-11 09:30" in weekend
