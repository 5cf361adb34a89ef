"""A vendor's bars with a cache on disk: only what is missing is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import numpy as np

from adapters.feeds.assembly import assemble, gather
from adapters.feeds.bar_store import BarStore, Held, SymbolBars
from adapters.feeds.source import Source
from core.errors import DataError
from core.ports import Calendar
from core.types import BarPanel, Quote

OVERLAP_SESSIONS = 5
CLOSE_CHANGE_PCT_MAX = 1e-5  # a dividend of a cent on a stock of $500 moves old closes by 2e-5


class CachedBars:
    """Serves a source's bars from disk and fetches the sessions since.

    A dividend or split changes adjusted prices backwards. So each fetch overlaps the last five sessions held;
    where a close differs, the symbol's whole history is fetched again.

    Parameters
    ----------
    source : Source
        The vendor.
    store : BarStore
        Where its bars are kept.
    """

    def __init__(self, source: Source, store: BarStore, calendar: Calendar) -> None:
        self._source = source
        self._store = store
        self._calendar = calendar
        self.name = source.name
        self.publication_delay = source.publication_delay
        self.replays_quotes = source.replays_quotes
        self.notes: Mapping[str, str] = {}

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        """Give the sessions from start to end inclusive; `end` must be over, since bars are kept for good.

        When the vendor fails, what is held is served and `notes` says why it is not newer.

        Raises
        ------
        core.errors.DataError
            When the vendor fails and nothing is held.
        """
        held = self._store.load()
        notes = {"cache": held.note} if held.note else {}
        wanted = self._wanted(held, symbols, start, end)
        if wanted:
            try:
                notes |= self._fetch(held, wanted, start, end)
            except DataError as error:
                if not any(name in held.bars for name in symbols):
                    raise
                notes[self.name] = f"bars could not be fetched, those on disk are used: {error}"
            notes |= self._save(held)
        made = assemble(
            gather({name: _cut(held, name, start, end) for name in symbols}, symbols), symbols, self._calendar
        )
        self.notes = notes
        return made.panel

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Fetch the newest price of each symbol from the vendor."""
        return self._source.quotes(symbols, at)

    def lacking(self, symbols: Sequence[str], start: date, end: date) -> set[str]:
        """Name the symbols that are not held from start to the last session, and would have to be fetched."""
        held = self._store.load()
        self.notes = {"cache": held.note} if held.note else {}
        return {name for names in self._wanted(held, symbols, start, end).values() for name in names}

    def _save(self, held: Held) -> dict[str, str]:
        try:
            self._store.save(held)
        except OSError as error:
            return {"cache": f"bars could not be kept on disk: {error}"}
        return {}

    def _wanted(self, held: Held, symbols: Sequence[str], start: date, end: date) -> dict[date, list[str]]:
        """Group the symbols that lack sessions by the day to fetch from."""
        sessions = self._calendar.sessions(end - timedelta(days=14), end)
        last = np.datetime64(sessions[-1][0] if sessions else start, "D")
        groups: dict[date, list[str]] = {}
        for name in symbols:
            since = _fetch_from(held, name, start, last)
            if since is not None:
                groups.setdefault(since, []).append(name)
        return groups

    def _fetch(self, held: Held, wanted: Mapping[date, list[str]], start: date, end: date) -> dict[str, str]:
        notes: dict[str, str] = {}
        changed: list[str] = []
        for since, names in sorted(wanted.items(), key=lambda group: -len(group[1])):
            for name, fresh in self._ask(names, since, end, notes).items():
                if held.asked_from.get(name, date.max) > start:
                    _keep(held, name, fresh, start)
                elif _same_adjustment(held.bars[name], fresh):
                    held.bars[name] = _merge(held.bars[name], fresh)
                else:
                    changed.append(name)
        for name, fresh in self._ask(changed, start, end, notes).items() if changed else ():
            _keep(held, name, fresh, start)
            notes[name] = "its past prices were adjusted anew (dividend or split): fetched whole"
        return notes

    def _ask(self, names: Sequence[str], since: date, end: date, notes: dict[str, str]) -> dict[str, SymbolBars]:
        panel = self._source.bars(names, since, end)
        notes |= self._source.notes
        table = np.stack([panel.open, panel.high, panel.low, panel.close, panel.volume], axis=2)
        out = {}
        for index, name in enumerate(names):
            had = ~np.isnan(table[:, index, :4]).all(axis=1)
            if had.any():
                out[name] = panel.sessions[had], table[had, index]
        return out


def _fetch_from(held: Held, name: str, start: date, last: np.datetime64) -> date | None:
    if held.asked_from.get(name, date.max) > start or name not in held.bars:
        return start
    sessions = held.bars[name][0]
    if sessions[-1] >= last:
        return None
    since: date = sessions[-OVERLAP_SESSIONS:][0].astype(object)
    return since


def _keep(held: Held, name: str, fresh: SymbolBars, start: date) -> None:
    held.bars[name] = fresh
    held.asked_from[name] = start


def _same_adjustment(old: SymbolBars, new: SymbolBars) -> bool:
    common, at_old, at_new = np.intersect1d(old[0], new[0], return_indices=True)
    if not len(common):
        return False
    before, after = old[1][at_old, 3], new[1][at_new, 3]
    return bool(np.all(np.abs(after / before - 1) <= CLOSE_CHANGE_PCT_MAX))


def _merge(old: SymbolBars, new: SymbolBars) -> SymbolBars:
    kept = old[0] < new[0][0]
    return np.concatenate([old[0][kept], new[0]]), np.concatenate([old[1][kept], new[1]])


def _cut(held: Held, name: str, start: date, end: date) -> SymbolBars:
    sessions, table = held.bars.get(name, (np.empty(0, "datetime64[D]"), np.empty((0, 5))))
    inside = (sessions >= np.datetime64(start, "D")) & (sessions <= np.datetime64(end, "D"))
    return sessions[inside], table[inside]
