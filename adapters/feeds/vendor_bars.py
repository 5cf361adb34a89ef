"""A vendor's bars as a panel: the one place where its rows are assembled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from adapters.feeds.action_table import ActionTable
from adapters.feeds.assembly import assemble
from adapters.feeds.source import RowSource
from core.ports import Calendar
from core.types import BarPanel, Quote


class VendorBars:
    """Implements `Source` on the rows of a vendor that knows only the current quotes.

    Parameters
    ----------
    vendor : RowSource
        The vendor itself, or a cache before it.

    Attributes
    ----------
    notes : mapping of str to str
        What was odd in the last bars, by symbol or by the vendor's name.
    """

    replays_quotes = False

    def __init__(self, vendor: RowSource, calendar: Calendar) -> None:
        self._vendor = vendor
        self._calendar = calendar
        self.name = vendor.name
        self.publication_delay = vendor.publication_delay
        self.notes: Mapping[str, str] = {}

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        """Give the sessions from start to end inclusive; a symbol not had is a column of NaN.

        Raises
        ------
        core.errors.DataError
            When the vendor as a whole does not answer.
        """
        made = assemble(self._vendor.rows(symbols, start, end), symbols, self._calendar)
        self.notes = made.notes
        return made.panel

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Fetch the newest price of each symbol; a symbol not had is left out."""
        return self._vendor.quotes(symbols, at)

    def actions(self) -> ActionTable:
        """Return the corporate actions that came with the bars and quotes so far."""
        return self._vendor.actions()

    def recorded_end(self) -> None:
        """Give no end: the vendor's bars go on."""
