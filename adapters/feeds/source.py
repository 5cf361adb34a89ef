"""The two forms a source of daily bars has: rows of one vendor, and the panel that feeds are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple, Protocol

from adapters.feeds.action_table import ActionTable
from adapters.feeds.rows import BarRows
from core.errors import DataError
from core.ports import BarSource
from core.types import Quote


class NoBarsError(DataError):
    """The vendor answered, and has none of what was asked for: unknown, delisted or merged symbols."""


class RecordedEnd(NamedTuple):
    """Where recorded bars end: the last session, and when it closed (aware UTC)."""

    session: date
    closes_at: datetime


class RowSource(Protocol):
    """A vendor's daily bars as rows, and its quotes; asked through `VendorBars`, with or without a cache.

    Attributes
    ----------
    publication_delay : timedelta
        How long after the close a session's bar may still be missing or unfinished.
    """

    name: str
    publication_delay: timedelta

    def rows(self, symbols: Sequence[str], start: date, end: date) -> BarRows:
        """Fetch the sessions from start to end inclusive, each row with a price; a symbol not had is left out.

        Raises
        ------
        core.errors.DataError
            When the vendor as a whole does not answer.
        """
        ...

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Fetch the newest price of each symbol; a symbol not had is left out."""
        ...

    def actions(self) -> ActionTable:
        """Return the corporate actions that came with the rows and quotes so far."""
        ...


class Source(BarSource, Protocol):
    """A source of daily bars and quotes, as a feed needs it.

    Attributes
    ----------
    notes : mapping of str to str
        What was odd in the last bars: by symbol, or by the source's own name for the whole.
    publication_delay : timedelta
        How long after the close a session's bar may still be missing or unfinished.
    replays_quotes : bool
        Whether `quotes` can answer for a past moment; a live vendor only knows now.
    """

    notes: Mapping[str, str]
    publication_delay: timedelta
    replays_quotes: bool

    def actions(self) -> ActionTable:
        """Return the corporate actions that came with the bars and quotes so far."""
        ...

    def recorded_end(self) -> RecordedEnd | None:
        """Give where the bars end for good, which is where a clock on them stands; None when they go on.

        Raises
        ------
        core.errors.DataError
            When recorded bars cannot be read.
        """
        ...
