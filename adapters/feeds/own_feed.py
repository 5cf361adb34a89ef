"""A feed that is not ours as a source: what it leaves out is filled in, and its faults are made ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from adapters.feeds.action_table import NO_ACTIONS, ActionTable
from adapters.feeds.source import RecordedEnd, Source
from adapters.feeds.vendor_bars import VendorBars
from core.errors import DataError, EngineError
from core.plain_words import plain_reason
from core.ports import Calendar
from core.types import BarPanel, Quote


def as_source(name: str, made: Any, calendar: Calendar) -> Source:
    """Return what an author's class made as a source: one that gives rows is put into panels first.

    Raises
    ------
    core.errors.DataError
        When it gives neither `bars` nor `rows`, or no `quotes`.
    """
    has = {method: callable(getattr(made, method, None)) for method in ("bars", "rows", "quotes")}
    if not (has["quotes"] and (has["bars"] or has["rows"])):
        raise DataError(
            f"The feed {name} has no bars(symbols, start, end) or no quotes(symbols, at); nothing is decided.",
            hint="docs/extending/feed.md says what a feed has.",
        )
    return OwnFeed(name, made if has["bars"] else VendorBars(made, calendar))


class OwnFeed:
    """Implements `adapters.feeds.source.Source` with an author's class: `bars` and `quotes` suffice.

    Attributes
    ----------
    notes : mapping of str to str
        As the author's; none where it has none.
    """

    def __init__(self, name: str, made: Any) -> None:
        self.name = name
        self._made = made
        self.notes: Mapping[str, str] = {}
        self.publication_delay: timedelta = getattr(made, "publication_delay", timedelta(0))
        self.replays_quotes: bool = getattr(made, "replays_quotes", False)

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        """Give the sessions from start to end inclusive; a symbol not had is a column of NaN.

        Raises
        ------
        core.errors.DataError
            When it fails, or gives other bars than were asked for.
        """
        panel = self._asked("bars", symbols, start, end)
        if not isinstance(panel, BarPanel) or panel.symbols != tuple(symbols):
            raise self._failed("bars", "it gave no BarPanel with one column a symbol, in the order asked for")
        self.notes = dict(getattr(self._made, "notes", {}))
        return panel

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Give the newest price of each symbol; a symbol not had is left out."""
        found = self._asked("quotes", symbols, at)
        if not isinstance(found, Mapping) or not all(isinstance(quote, Quote) for quote in found.values()):
            raise self._failed("quotes", "it gave no Quote by symbol")
        return {symbol: found[symbol] for symbol in symbols if symbol in found}

    def actions(self) -> ActionTable:
        """Return the corporate actions that came with the bars; none where the author's has no `actions`."""
        table = self._asked("actions") if hasattr(self._made, "actions") else NO_ACTIONS
        return table if isinstance(table, ActionTable) else NO_ACTIONS

    def recorded_end(self) -> RecordedEnd | None:
        """Give where recorded bars end; None where the author's has no `recorded_end`."""
        end = self._asked("recorded_end") if hasattr(self._made, "recorded_end") else None
        return None if end is None else RecordedEnd(*end)

    def _asked(self, method: str, *arguments: Any) -> Any:
        try:
            return getattr(self._made, method)(*arguments)
        except EngineError:
            raise
        except (Exception, SystemExit) as error:
            raise self._failed(method, f"{type(error).__name__}: {plain_reason(error)}") from error

    def _failed(self, method: str, what: str) -> DataError:
        return DataError(
            f"The feed {self.name} failed in {method} ({what}); nothing is decided on it.",
            hint="It is asked again at the next step. Mend its file, or choose another DATA_PROVIDER.",
        )
