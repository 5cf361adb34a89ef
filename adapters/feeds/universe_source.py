"""A source's bars for a universe: who belonged when, and renamed tickers under the name of today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

import numpy as np

from adapters.feeds.action_table import ActionTable
from adapters.feeds.source import RecordedEnd, Source
from core.market import FIELDS
from core.types import BarPanel, Quote
from core.universe import Universe


class UniverseSource:
    """Implements `Source` for the stocks of one universe.

    A vendor that still has a renamed stock's past under the old ticker is asked for both: what the new one lacks
    before the rename is read from the old. A symbol that the universe does not know, such as one that was bought
    under another universe and is still held, belongs in no session: it is watched and may be sold.
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
        renamed = [alias for alias in self._universe.aliases if alias.new in symbols and alias.old not in symbols]
        olds = tuple(dict.fromkeys(alias.old for alias in renamed))
        panel = self._source.bars((*symbols, *olds), start, end)
        self.notes = self._source.notes
        arrays = {name: getattr(panel, name) for name in FIELDS}
        if renamed:
            arrays = {name: array.copy() for name, array in arrays.items()}
            for alias in sorted(renamed, key=lambda one: one.since):
                before = panel.sessions < np.datetime64(alias.since, "D")
                old, new = panel.column[alias.old], panel.column[alias.new]
                lacking = before & np.isnan(panel.close[:, new])
                for array in arrays.values():
                    array[lacking, new] = array[lacking, old]
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
