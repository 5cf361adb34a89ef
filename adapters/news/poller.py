"""Poll a news source in the background; a running daemon is answered at once from what has arrived."""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.news.dedup import HeadlineDeduplicator
from core.errors import DataError
from core.ports import Clock, NewsSource
from core.types import Headline

LOG = logging.getLogger(__name__)
KEPT_MAX = 20_000
OVERLAP = timedelta(hours=2)


class NewsPoller:
    """Keeps the headlines of the last days, each story once, and gives those that were there at a moment.

    An item counts from the moment we had it, at the earliest. Nothing here waits for a vendor but the poller's
    own thread.

    Parameters
    ----------
    window : timedelta
        How far back a decision looks, and the first question reaches.
    refresh_seconds : float
        Between two questions.
    arrived : callable
        Gets the texts of new headlines, for scoring ahead; must not block.
    asked : callable or None
        Returns the symbols to ask about now; None for all, always.

    Attributes
    ----------
    fault : str
        Why the last question failed; empty when it did not.
    """

    def __init__(
        self,
        source: NewsSource,
        symbols: Sequence[str],
        clock: Clock,
        *,
        window: timedelta,
        refresh_seconds: float,
        arrived: Callable[[Sequence[str]], None],
        asked: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self._source = source
        self._followed: set[str] = set()
        self._symbols: Sequence[str] = tuple(symbols)
        self._asked = asked or (lambda: self._symbols)
        self._clock = clock
        self._window = window
        self._refresh_seconds = refresh_seconds
        self._arrived = arrived
        self._deduplicator = HeadlineDeduplicator()
        self._items: list[Headline] = []
        self._received: list[datetime] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._asked_until: datetime | None = None
        self.fault = f"{source.name} has not answered yet"

    def start(self) -> None:
        """Begin asking, on a thread that ends with the process."""
        threading.Thread(target=self._run, daemon=True, name="news").start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopping.set()

    def headlines(self, as_of: datetime) -> tuple[Headline, ...]:
        """Give the headlines of the window that we had at `as_of`, oldest first."""
        with self._lock:
            first = bisect_left(self._received, as_of - self._window)
            return tuple(self._items[first : bisect_right(self._received, as_of)])

    def refresh(self) -> None:
        """Ask the source for what came since the last time; a failure is named in `fault`."""
        now, symbols = self._clock.now(), tuple(self._asked())
        since = now - self._window if self._asked_until is None else self._asked_until - OVERLAP
        newcomers = [symbol for symbol in symbols if symbol not in self._followed]
        others = [symbol for symbol in symbols if symbol in self._followed]
        try:
            items = [
                item
                for part, start in ((newcomers, now - self._window), (others, since))
                if part
                for item in self._source.news(part, start, now)
            ]
        except DataError as error:
            self.fault = f"{self._source.name} gave no news: {error}"
            LOG.warning("%s", self.fault)
            return
        self.fault, self._asked_until, self._followed = "", now, set(symbols)
        self.add(items)

    def add(self, items: Iterable[Headline]) -> None:
        """Take items in: each counts from now, or from its own later time, and a repeated story not again."""
        now = self._clock.now()
        known = set(self._symbols)
        arrived = [
            replace(item, symbols=ours, received_at=max(now, item.published_at, item.received_at))
            for item in items
            if (ours := tuple(symbol for symbol in item.symbols if symbol in known))
        ]
        arrived.sort(key=lambda item: (item.received_at, item.published_at, item.text))
        with self._lock:
            fresh = self._deduplicator.without_repeats(arrived)
            for item in fresh:
                place = bisect_right(self._received, item.received_at)
                self._items.insert(place, item)
                self._received.insert(place, item.received_at)
            surplus = max(0, len(self._items) - KEPT_MAX)
            del self._items[:surplus], self._received[:surplus]
        if fresh:
            self._arrived([item.text for item in fresh])

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.refresh()
            self._stopping.wait(self._refresh_seconds)
