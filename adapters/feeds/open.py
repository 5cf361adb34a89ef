"""Open a feed: the one way from DATA_PROVIDER to what the engine, a replay or a backtest reads its bars from."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from adapters.calendar import FIRST_DAY
from adapters.clock import ManualClock
from adapters.clock_offset import ClockOffset
from adapters.feeds.choose import ChosenSource, SourceRequest, choose_source
from adapters.feeds.daily_feed import DailyFeed
from adapters.feeds.panel_feed import PanelFeed
from adapters.feeds.source import Source
from adapters.feeds.views import HeadlineFeed
from core.errors import RequestError
from core.ports import Clock, Feed
from core.types import BarPanel

LOG = logging.getLogger(__name__)
NOTES_LOGGED_MAX = 10
HeadlinesOf = Callable[[ChosenSource, Clock], HeadlineFeed | None]


class NotedFeed(Feed, Protocol):
    """A feed that says what its source and the quality gate found in the last bars."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found, for the log and the status."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFeed:
    """A feed, the clock that its bars are read by, and what is degraded.

    Attributes
    ----------
    clock : Clock
        As given; for recorded bars and a clock that runs by itself, one that stands at their end.
    """

    feed: NotedFeed
    clock: Clock
    notes: tuple[str, ...] = ()


def open_feed(
    request: SourceRequest, clock: Clock, headlines: HeadlinesOf, offset: ClockOffset | None = None
) -> OpenFeed:
    """Open the feed of a daemon or a replay: recorded bars as one panel, others fetched as sessions close.

    Parameters
    ----------
    headlines : callable
        Chooses the headlines that go with a source; None for none.
    offset : ClockOffset or None
        This machine's clock against the broker's, for live quotes.

    Raises
    ------
    core.errors.SettingsError
        When a real broker would see simulated or recorded prices.
    core.errors.DataError
        When recorded bars cannot be read.
    """
    chosen, settings, calendar = choose_source(request), request.settings, request.calendar
    source = chosen.source
    end = source.recorded_end()
    if end is None:
        feed = DailyFeed(
            source,
            calendar,
            request.symbols,
            settings,
            headlines=headlines(chosen, clock),
            said_actions=request.said_actions,
            offset=offset,
        )
        return OpenFeed(feed=feed, clock=clock, notes=chosen.notes)
    clock = ManualClock(end.closes_at) if clock.is_real_time else clock
    news = headlines(chosen, clock)
    panel = source.bars(request.symbols, FIRST_DAY, end.session)
    fixed = PanelFeed(
        panel, settings, calendar, source=source.name, headlines=news, source_notes=source_notes(source)
    )
    return OpenFeed(feed=fixed, clock=clock, notes=chosen.notes)


def read_panel(request: SourceRequest, first: date, last: date | None) -> tuple[BarPanel, str]:
    """Read the bars of a backtest, past the quality gate, and the source's name.

    Parameters
    ----------
    last : date or None
        The last session wanted; None for the newest there is.

    Raises
    ------
    core.errors.DataError
        When the source does not answer.
    core.errors.RequestError
        Status 422 when it has no bars in that span.
    """
    source = choose_source(request).source
    recorded = source.recorded_end()
    newest = recorded.session if recorded else request.now.date()
    last = min(newest, last or newest)
    panel = source.bars(request.symbols, first, last)
    if not len(panel.sessions):
        raise RequestError(f"{source.name} has no bars from {first} to {last}.", status=422)
    feed = PanelFeed(
        panel, request.settings, request.calendar, source=source.name, source_notes=source_notes(source)
    )
    for note in feed.notes[:NOTES_LOGGED_MAX]:
        LOG.warning("%s: %s", source.name, note)
    return feed.panel, source.name


def source_notes(source: Source) -> tuple[str, ...]:
    """Return what the source found odd in the bars that it gave last."""
    return tuple(f"{what}: {note}" for what, note in source.notes.items())
