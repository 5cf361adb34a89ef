"""The feed of a fixed panel: backtests, and the daemon on recorded bars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import numpy as np

from adapters.feeds.action_gate import Admitted
from adapters.feeds.ended_listings import ended_listings
from adapters.feeds.quality import inspect
from adapters.feeds.views import (
    LOOK_BACK,
    NO_QUOTE,
    NONE_ADMITTED,
    HeadlineFeed,
    QuoteSource,
    compose,
    session_status,
)
from config.trading import DataSettings
from core.ports import Calendar
from core.types import BarPanel, Headline, MarketView, Quote


class PanelFeed:
    """Gives the view of any moment of a fixed panel; all but the slicing is done once, here.

    Parameters
    ----------
    panel : BarPanel
        Bars as the source gave them; they pass the gate here.
    source : str
        The source's name, put on every view.
    quotes : callable or None
        Prices of a moment within a session. What it has no price of is quoted at the session's opening price:
        known since the open, and the next price an order of the evening before can fill at.
    headlines : callable or None
        Headlines that were out at a moment.
    source_notes : tuple of str
        What the source found odd in these bars.

    Attributes
    ----------
    notes : tuple of str
        What the source and the gate found, for the log.
    """

    def __init__(
        self,
        panel: BarPanel,
        settings: DataSettings,
        calendar: Calendar,
        *,
        source: str,
        quotes: QuoteSource | None = None,
        headlines: HeadlineFeed | None = None,
        source_notes: tuple[str, ...] = (),
    ) -> None:
        finished_at = panel.known_at[-1].astype(datetime).replace(tzinfo=UTC) if len(panel.sessions) else _epoch()
        self._inspection = inspect(panel, settings, fetched_at=finished_at)
        self._ended = ended_listings(panel)  # a bar that the gate masked was there
        self._calendar = calendar
        if len(panel.sessions):  # one schedule for the whole span, not one every two years
            first, last = panel.sessions[[0, -1]].astype("datetime64[D]").astype(date)
            calendar.sessions(first - LOOK_BACK, last)
        self._source = source
        self._quotes = quotes or _no_quotes
        self._headlines = headlines or _no_headlines
        self.notes = (*source_notes, *self._inspection.notes)

    @property
    def panel(self) -> BarPanel:
        """The bars after the gate."""
        return self._inspection.panel

    def view(self, as_of: datetime) -> MarketView:
        """Give all that was known at `as_of`."""
        status = session_status(self._calendar, as_of, timedelta(0))
        quotes: Mapping[str, Quote] = {}
        stale: Mapping[str, str] = {}
        if status.opened_at is not None:
            quotes = {**self._opening_quotes(as_of, status.opened_at), **self._quotes(as_of)}
            stale = {name: NO_QUOTE for name in self.panel.symbols if name not in quotes}
        return compose(
            as_of=as_of,
            status=status,
            inspection=self._inspection,
            source=self._source,
            quotes=quotes,
            stale_quotes=stale,
            headlines=self._headlines(as_of),
            faults=(),
            admitted=self._admitted(as_of),
        )

    def _admitted(self, as_of: datetime) -> Admitted:
        if not self._ended:
            return NONE_ADMITTED
        known = self.panel.rows_known(as_of)
        return Admitted(tuple(action for row, action in self._ended if row < known), {})

    def _opening_quotes(self, at: datetime, opened_at: datetime) -> Mapping[str, Quote]:
        day = np.datetime64(at.astimezone(UTC).date(), "D")
        row = int(np.searchsorted(self.panel.sessions, day))
        if row == len(self.panel.sessions) or self.panel.sessions[row] != day:
            return {}
        return {
            name: Quote(symbol=name, price=price, at=opened_at, session_open=price)
            for name, price in zip(self.panel.symbols, self.panel.open[row].tolist(), strict=True)
            if price == price  # noqa: PLR0124  # NaN: no bar in that session
        }


def _no_quotes(_: datetime) -> Mapping[str, Quote]:
    return {}


def _no_headlines(_: datetime) -> tuple[Headline, ...]:
    return ()


def _epoch() -> datetime:
    return datetime.fromtimestamp(0, UTC)
