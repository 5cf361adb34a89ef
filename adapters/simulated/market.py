"""A simulated market for a machine without a network: bars, quotes and headlines from a seed alone.

Everything about a session follows from the seed and the sessions before it: each kind of chance has its own
stream, drawn session by session, so a longer history begins with exactly the shorter one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np

from adapters.feeds.action_table import NO_ACTIONS, ActionTable
from adapters.simulated.model import Paths, intraday_noise, simulate
from adapters.simulated.news import headlines_of
from core.market import FIELDS
from core.ports import Calendar
from core.types import BarPanel, Floats, Headline, Quote
from core.universe import Universe

FIRST_SESSION = date(2016, 1, 4)
DEFAULT_SEED = 20160104
NEWS_DAYS = 5
AHEAD_DAYS = 31  # drawn beyond what is asked, so that each new day does not draw all of history again


class SimulatedMarket:
    """Gives the bars, the quotes of any moment, and the headlines of one seeded market.

    Parameters
    ----------
    seed : int
        The same seed is the same market, for ever.
    """

    name = "simulated"
    publication_delay = timedelta(0)
    replays_quotes = True

    def __init__(self, calendar: Calendar, universe: Universe, seed: int = DEFAULT_SEED) -> None:
        self._calendar = calendar
        self._universe = universe
        self._seed = seed
        self._panel: BarPanel | None = None
        self._since, self._first_row = date.max, 0
        self.notes: Mapping[str, str] = {}
        self._path = lru_cache(maxsize=4)(self._path_of)
        self._news = lru_cache(maxsize=16)(self._news_of)

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        """Give the sessions from start to end inclusive; none before 2016-01-04."""
        panel = self._covering(start, end)
        first = int(np.searchsorted(panel.sessions, np.datetime64(start, "D")))
        last = int(np.searchsorted(panel.sessions, np.datetime64(end, "D"), side="right"))
        picked: dict[str, Floats] = {
            name: _pick(getattr(panel, name)[first:last], panel, symbols) for name in FIELDS
        }
        return BarPanel(
            sessions=panel.sessions[first:last],
            known_at=panel.known_at[first:last],
            symbols=tuple(symbols),
            **picked,
        )

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Give the price of any moment from a session's open to its close; empty when no session runs."""
        day = at.astimezone(UTC).date()
        today = self._calendar.sessions(day, day)
        if not today or not today[0][1] <= at <= today[0][2]:
            return {}
        _, opens_at, closes_at = today[0]
        prices, opening = self._prices(day, (at - opens_at) / (closes_at - opens_at))
        column = self._covering(day, day).column
        return {
            name: Quote(symbol=name, price=float(prices[i]), at=at, session_open=float(opening[i]))
            for name in symbols
            if (i := column.get(name)) is not None
        }

    def actions(self) -> ActionTable:
        """Return none: simulated companies split nothing and pay nothing."""
        return NO_ACTIONS

    def recorded_end(self) -> None:
        """Give no end: the market goes on."""

    def headlines(self, as_of: datetime) -> tuple[Headline, ...]:
        """Give the headlines of the last days that were out at `as_of`, oldest first."""
        day = as_of.astimezone(UTC).date()
        start = max(FIRST_SESSION, day - timedelta(days=NEWS_DAYS))
        news = (item for session, *_ in self._calendar.sessions(start, day) for item in self._news(session))
        return tuple(item for item in news if item.received_at <= as_of)

    def _covering(self, start: date, end: date) -> BarPanel:
        """Return bars that reach at least from start to end; what is older than anybody asked for is not kept."""
        known = self._panel
        lacks = known is None or known.sessions[-1] < np.datetime64(end, "D") or start < self._since
        if known is None or lacks:
            until = max(end, FIRST_SESSION, known.dates[-1] if known else FIRST_SESSION)
            self._since = max(FIRST_SESSION, min(start, self._since))
            known = self._panel = self._generate(until + timedelta(days=AHEAD_DAYS))
        return known

    def _generate(self, end: date) -> BarPanel:
        sessions = self._calendar.sessions(FIRST_SESSION, end)
        self._first_row = sum(day < self._since for day, *_ in sessions)
        paths: Paths = simulate(self._seed, len(sessions), self._universe, self._first_row)
        kept = sessions[self._first_row :]
        closes = [closes_at.astimezone(UTC).replace(tzinfo=None) for *_, closes_at in kept]
        return BarPanel(
            sessions=np.array([day for day, *_ in kept], dtype="datetime64[D]"),
            known_at=np.array(closes, dtype="datetime64[us]"),
            symbols=self._universe.symbols,
            **paths._asdict(),
        )

    def _prices(self, day: date, elapsed: float) -> tuple[Floats, Floats]:
        opening, high, low, close, noise = self._path(day)
        if elapsed >= 1.0:
            return close, opening
        terms = np.arange(1, noise.shape[0] + 1) * np.pi
        bridge = (np.sqrt(2.0) * np.sin(terms * elapsed) / terms) @ noise
        path = opening * np.exp(elapsed * np.log(close / opening) + bridge)
        return _reflected(path, low, high), opening

    def _path_of(self, day: date) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        panel = self._covering(day, day)
        row = int(np.searchsorted(panel.sessions, np.datetime64(day, "D")))
        opening, high, low, close = panel.open[row], panel.high[row], panel.low[row], panel.close[row]
        noise = intraday_noise(self._seed, self._first_row + row, np.log(high / low))
        return opening, high, low, close, noise

    def _news_of(self, day: date) -> tuple[Headline, ...]:
        before = max(FIRST_SESSION, day - timedelta(days=NEWS_DAYS))  # its return needs the close before
        panel = self._covering(before, day)
        row = int(np.searchsorted(panel.sessions, np.datetime64(day, "D")))
        return headlines_of(self._seed, panel, row, self._first_row, self._universe.stocks)


def _reflected(path: Floats, low: Floats, high: Floats) -> Floats:
    """Fold a path back into [low, high]; cut off there, it would stand still for hours, as a stuck quote does."""
    width = np.maximum(high - low, np.finfo(np.float64).tiny)
    above = np.mod(path - low, 2 * width)
    folded: Floats = np.clip(low + np.where(above > width, 2 * width - above, above), low, high)
    return folded


def _pick(array: Floats, panel: BarPanel, symbols: Sequence[str]) -> Floats:
    if tuple(symbols) == panel.symbols:
        return array
    out = np.full((len(array), len(symbols)), np.nan)
    for index, name in enumerate(symbols):
        if name in panel.column:
            out[:, index] = array[:, panel.column[name]]
    return out
