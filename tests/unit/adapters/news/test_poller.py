"""Whom the news poller asks about: those of now, a newcomer from the window's beginning on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from adapters.clock import ManualClock
from adapters.news.poller import OVERLAP, NewsPoller
from core.types import Headline

NOW = datetime(2026, 3, 11, 15, tzinfo=UTC)
WINDOW = timedelta(hours=120)


class Vendor:
    name = "vendor"

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], datetime]] = []

    def news(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Headline]:
        self.asked.append((tuple(symbols), start))
        return [Headline(symbols=(s,), text=f"{s} wins", published_at=end, received_at=end) for s in symbols]


def test_a_newcomer_is_asked_about_from_the_windows_beginning_and_nobody_is_asked_about_in_vain() -> None:
    vendor, clock, concerned, arrived = Vendor(), ManualClock(NOW), ["KO"], list[str]()
    poller = NewsPoller(
        vendor, ("AAPL", "KO", "XOM"), clock, window=WINDOW, refresh_seconds=300.0, arrived=arrived.extend,
        asked=lambda: concerned,
    )  # fmt: skip
    poller.refresh()
    clock.advance(timedelta(minutes=5))
    concerned.append("XOM")
    poller.refresh()
    concerned.clear()
    poller.refresh()
    later = NOW + timedelta(minutes=5)
    assert vendor.asked == [(("KO",), NOW - WINDOW), (("XOM",), later - WINDOW), (("KO",), NOW - OVERLAP)]
    assert poller.fault == ""
    assert {item.symbols for item in poller.headlines(later)} == {("KO",), ("XOM",)}
    assert "XOM wins" in arrived
