"""A source's bars for a universe: who belonged when, and renamed tickers under the name of today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from adapters.feeds.action_table import ActionTable
from adapters.feeds.source import RecordedEnd, Source
from core.market import FIELDS
from core.types import BarPanel, Quote
from core.universe import Alias, Universe

Arrays = Mapping[str, NDArray[np.float64]]


class UniverseSource:
    """Implements `Source` for the stocks of one universe.

    A vendor that still has a renamed stock's past under the old ticker is asked for both: what the new one lacks
    before the rename is read from the old, over as many renames as there were. A symbol that the universe does
    not know, such as one that was bought under another universe and is still held, belongs in no session: it is
    watched and may be sold.
    """

    def __init__(self, source: Source, universe: Universe) -> None:
        self._source = source
        self._universe = universe
        self.name = source.name
        self.publication_delay = source.publication_delay
        self.replays_quotes = source.replays_quotes
        self.notes: Mapping[str, str] = {}

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        """Give the sessions from start to end inclusive, with who belonged in each.

        Raises
        ------
        core.errors.DataError
            When the source does not answer.
        """
        renames = _renames(self._universe.aliases, symbols)
        olds = tuple(dict.fromkeys(name for alias in renames for name in alias[:2] if name not in symbols))
        panel = self._source.bars((*symbols, *olds), start, end)
        self.notes = self._source.notes
        arrays = {name: getattr(panel, name) for name in FIELDS}
        if renames:
            arrays = {name: array.copy() for name, array in arrays.items()}
            for alias in renames:
                before = panel.sessions < np.datetime64(alias.since, "D")
                old, new = panel.column[alias.old], panel.column[alias.new]
                _join(arrays, before, old, new)
                if alias.old in symbols:  # whoever took the old ticker over since: what was before is not its own
                    _blank(arrays, before, old)
            arrays = {name: array[:, : len(symbols)] for name, array in arrays.items()}
        member = self._universe.members(panel.sessions, symbols)
        known = set(self._universe.symbols)
        member[:, [symbol not in known for symbol in symbols]] = False
        return replace(panel, symbols=tuple(symbols), member=member, **arrays)

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Give the newest price of each symbol; a symbol not had is left out."""
        return self._source.quotes(symbols, at)

    def actions(self) -> ActionTable:
        """Return the corporate actions that came with the bars and quotes so far."""
        return self._source.actions()

    def recorded_end(self) -> RecordedEnd | None:
        """Give where the bars end for good; None when they go on."""
        return self._source.recorded_end()


def _renames(aliases: Sequence[Alias], symbols: Sequence[str]) -> list[Alias]:
    """Return the renames that lead to one of the symbols, over others too, oldest first."""
    wanted, found = set(symbols), []
    for alias in sorted(aliases, key=lambda one: one.since, reverse=True):
        if alias.new in wanted:
            found.append(alias)
            wanted.add(alias.old)
    return found[::-1]


def _join(arrays: Arrays, before: NDArray[np.bool_], old: int, new: int) -> None:
    """Read a stock's bars before its rename from under its old ticker, where the new one lacks them.

    Where the new ticker has no bar at the old one's last before the rename, the vendor keeps each ticker's own
    past: then what the new one has before is of another company.
    """
    close = arrays["close"]
    traded = np.flatnonzero(before & np.isfinite(close[:, old]))
    if len(traded):
        lacking = before if np.isnan(close[traded[-1], new]) else before & np.isnan(close[:, new])
        for array in arrays.values():
            array[lacking, new] = array[lacking, old]


def _blank(arrays: Arrays, rows: NDArray[np.bool_], column: int) -> None:
    for array in arrays.values():
        array[rows, column] = np.nan
