"""A vendor's rows with a cache on disk: only what is missing is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

import numpy as np

from adapters.feeds.assembly import settle
from adapters.feeds.bar_store import BarStore, StoredBars
from adapters.feeds.rows import BarRows, SymbolBars
from adapters.feeds.source import RowSource
from core.errors import DataError
from core.plain_words import plain_reason
from core.ports import Calendar
from core.types import Quote

OVERLAP_SESSIONS = 5
CLOSE_CHANGE_PCT_MAX = 1e-5  # a dividend of a cent on a stock of $500 moves old closes by 2e-5


class CachedBars:
    """Implements `RowSource`: serves a vendor's rows from disk and fetches the sessions since.

    A dividend or split changes adjusted prices backwards. So each fetch overlaps the last five sessions stored;
    where a close differs, the symbol's whole history is fetched again.

    Parameters
    ----------
    vendor : RowSource
        Who is asked for what is missing.
    store : BarStore
        Where its rows are kept.
    """

    def __init__(self, vendor: RowSource, store: BarStore, calendar: Calendar) -> None:
        self._vendor = vendor
        self.store = store
        self._calendar = calendar
        self.name = vendor.name
        self.publication_delay = vendor.publication_delay

    def rows(self, symbols: Sequence[str], start: date, end: date) -> BarRows:
        """Give the sessions from start to end inclusive; `end` must be over, since bars are kept for good.

        When the vendor fails, what is stored is served and the notes say why it is not newer.

        Raises
        ------
        core.errors.DataError
            When the vendor fails and nothing is stored.
        """
        stored = self.store.load()
        notes = {"cache": stored.note} if stored.note else {}
        wanted = self._wanted(stored, symbols, start, end)
        if wanted:
            try:
                notes |= self._fetch(stored, wanted, start, end)
            except DataError as error:
                if not any(name in stored.bars for name in symbols):
                    raise
                notes[self.name] = f"bars could not be fetched, those on disk are used: {error}"
            notes |= self._save(stored)
        found = {name: _cut(stored.bars[name], start, end) for name in symbols if name in stored.bars}
        return BarRows(by_symbol=found, notes=notes)

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Fetch the newest price of each symbol from the vendor."""
        return self._vendor.quotes(symbols, at)

    def lacking(self, symbols: Sequence[str], start: date, end: date) -> set[str]:
        """Name the symbols that are not stored from start to the last session, and would have to be fetched."""
        wanted = self._wanted(self.store.load(), symbols, start, end)
        return {name for names in wanted.values() for name in names}

    def _save(self, stored: StoredBars) -> dict[str, str]:
        try:
            self.store.save(stored)
        except OSError as error:
            return {"cache": f"bars could not be kept on disk: {plain_reason(error)}"}
        return {}

    def _wanted(
        self, stored: StoredBars, symbols: Sequence[str], start: date, end: date
    ) -> dict[date, list[str]]:
        """Group the symbols that lack sessions by the day to fetch from."""
        sessions = self._calendar.sessions(end - timedelta(days=14), end)
        last = np.datetime64(sessions[-1][0] if sessions else start, "D")
        groups: dict[date, list[str]] = {}
        for name in symbols:
            since = _fetch_from(stored, name, start, last)
            if since is not None:
                groups.setdefault(since, []).append(name)
        return groups

    def _fetch(
        self, stored: StoredBars, wanted: Mapping[date, list[str]], start: date, end: date
    ) -> dict[str, str]:
        notes: dict[str, str] = {}
        changed: list[str] = []
        for since, names in sorted(wanted.items(), key=lambda group: -len(group[1])):
            fetched = self._ask(names, since, end)
            notes |= fetched.notes
            for name, fresh in fetched.by_symbol.items():
                if stored.asked_from.get(name, date.max) > start:
                    _replace(stored, name, fresh, start)
                elif _same_adjustment(stored.bars[name], fresh):
                    stored.bars[name] = _merge(stored.bars[name], fresh)
                else:
                    changed.append(name)
        if changed:
            fetched = self._ask(changed, start, end)
            notes |= fetched.notes
            for name, fresh in fetched.by_symbol.items():
                _replace(stored, name, fresh, start)
                notes[name] = "its past prices were adjusted anew (dividend or split): fetched whole"
        return notes

    def _ask(self, names: Sequence[str], since: date, end: date) -> BarRows:
        """Fetch rows in order and each once, which is how they are stored."""
        return settle(self._vendor.rows(names, since, end), names, self._calendar)


def _fetch_from(stored: StoredBars, name: str, start: date, last: np.datetime64) -> date | None:
    if stored.asked_from.get(name, date.max) > start or name not in stored.bars:
        return start
    sessions = stored.bars[name].sessions
    if sessions[-1] >= last:
        return None
    since: date = sessions[-OVERLAP_SESSIONS:][0].astype(object)
    return since


def _replace(stored: StoredBars, name: str, fresh: SymbolBars, start: date) -> None:
    stored.bars[name] = fresh
    stored.asked_from[name] = start


def _same_adjustment(old: SymbolBars, new: SymbolBars) -> bool:
    common, at_old, at_new = np.intersect1d(old.sessions, new.sessions, return_indices=True)
    if not len(common):
        return False
    before, after = old.table[at_old, 3], new.table[at_new, 3]
    return bool(np.all(np.abs(after / before - 1) <= CLOSE_CHANGE_PCT_MAX))


def _merge(old: SymbolBars, new: SymbolBars) -> SymbolBars:
    kept = old.sessions < new.sessions[0]
    return SymbolBars(
        np.concatenate([old.sessions[kept], new.sessions]), np.concatenate([old.table[kept], new.table])
    )


def _cut(bars: SymbolBars, start: date, end: date) -> SymbolBars:
    inside = (bars.sessions >= np.datetime64(start, "D")) & (bars.sessions <= np.datetime64(end, "D"))
    return SymbolBars(bars.sessions[inside], bars.table[inside])
