"""A vendor's rows with a cache on disk: only what is missing is asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np

from adapters.feeds.action_table import NO_ACTIONS, ActionTable
from adapters.feeds.assembly import settle
from adapters.feeds.bar_store import BarStore, StoredBars
from adapters.feeds.listed_actions import compare, learn, table_of
from adapters.feeds.rows import BarRows, SymbolBars
from adapters.feeds.source import NoBarsError, RowSource
from core.errors import DataError
from core.plain_words import plain_reason
from core.ports import Calendar
from core.types import Quote

Comparison = Callable[[StoredBars, str, SymbolBars, float | None], str]
LOG = logging.getLogger(__name__)
OVERLAP_SESSIONS = 5
ENDED_DAYS = np.timedelta64(60, "D")
PORTION_SYMBOLS = 100  # what came before a refusal is kept, and only the rest is asked for again
CLOSE_CHANGE_PCT_MAX = 1e-5  # a dividend of a cent on a stock of $500 moves old closes by 2e-5


class CachedBars:
    """Implements `RowSource`: serves a vendor's rows from disk and fetches the sessions since.

    A dividend or split changes adjusted prices backwards. So each fetch overlaps the last five sessions stored;
    where a close differs, the symbol's whole history is fetched again; so is that of a symbol whose action came
    with the quotes, at once, and of one whose restated history and listed actions contradict each other.

    Parameters
    ----------
    vendor : RowSource
        Who is asked for what is missing.
    store : BarStore
        Where its rows are kept.
    compare : callable
        Holds a symbol's new bars against the stored ones: whether the actions that the vendor lists explain how
        its past was restated. `compare_nothing` where a vendor restates and lists none.
    """

    def __init__(
        self, vendor: RowSource, store: BarStore, calendar: Calendar, compare: Comparison = compare
    ) -> None:
        self._vendor = vendor
        self.store = store
        self._calendar = calendar
        self._compare = compare
        self.name = vendor.name
        self.publication_delay = vendor.publication_delay
        self._table = NO_ACTIONS

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
        learn(stored, (action for action in self._vendor.actions().known if action.symbol in symbols))
        outdated = self._table.outdated
        wanted = self._wanted(stored, symbols, start, end, whole={*outdated, *table_of(stored, outdated).doubts})
        fetched: set[str] = set()
        if wanted:
            try:
                notes |= self._fetch(stored, wanted, start, end, fetched)
            except DataError as error:
                if not any(name in stored.bars for name in symbols):
                    raise
                notes[self.name] = f"bars could not be fetched, those on disk are used: {error.message}"
            notes |= self._save(stored)
        self._table = table_of(stored, outdated - fetched)
        found = {name: _cut(stored.bars[name], start, end) for name in symbols if name in stored.bars}
        return BarRows(by_symbol=found, notes=notes)

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Fetch the newest price of each symbol from the vendor."""
        quotes = self._vendor.quotes(symbols, at)
        known = {action.action_id for action in self._table.known}
        fresh = [
            action
            for action in self._vendor.actions().known
            if action.symbol in symbols and action.action_id not in known
        ]
        if fresh:
            outdated = self._table.outdated.union(action.symbol for action in fresh)
            self._table = replace(self._table, known=(*self._table.known, *fresh), outdated=outdated)
        return quotes

    def actions(self) -> ActionTable:
        """Return what is listed, what of it the bars contradict, and whose bars are from before one."""
        return self._table

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
        self,
        stored: StoredBars,
        symbols: Sequence[str],
        start: date,
        end: date,
        whole: Collection[str] = (),
    ) -> dict[date, list[str]]:
        """Group the symbols that lack sessions, or are to be fetched whole, by the day to fetch from."""
        sessions = self._calendar.sessions(end - timedelta(days=14), end)
        last = np.datetime64(sessions[-1][0] if sessions else start, "D")
        groups: dict[date, list[str]] = {}
        for name in symbols:
            since = start if name in whole else _fetch_from(stored, name, start, last)
            if since is not None:
                groups.setdefault(since, []).append(name)
        return groups

    def _fetch(
        self,
        stored: StoredBars,
        wanted: Mapping[date, list[str]],
        start: date,
        end: date,
        fetched: set[str],
    ) -> dict[str, str]:
        """Fetch what is wanted into what is stored, and name in `fetched` whose bars are of now."""
        notes: dict[str, str] = {}
        changed: list[str] = []
        total = sum(map(len, wanted.values()))
        for done, since, names in _portions(wanted):
            try:
                rows = self._ask(stored, names, since, end)
            except NoBarsError:  # delisted or merged: the others are fetched all the same
                notes |= dict.fromkeys(names, f"{self.name} has no bars of it since {since}")
                continue
            if total > PORTION_SYMBOLS:
                LOG.info("%s: %d of %d symbols fetched", self.name, done, total)
            notes |= rows.notes
            for name, fresh in rows.by_symbol.items():
                if since == start:
                    notes |= self._replace(stored, name, rows, start)
                    fetched.add(name)
                elif _same_adjustment(stored.bars[name], fresh):
                    merged = _merge(stored.bars[name], fresh)
                    self._compare(stored, name, merged, rows.traded_closes.get(name))
                    stored.bars[name] = merged
                else:
                    changed.append(name)
        if changed:
            rows = self._ask(stored, changed, start, end)
            notes |= rows.notes
            for name in rows.by_symbol:
                anew = "its past prices were adjusted anew (dividend or split): fetched whole"
                notes |= {name: anew} | self._replace(stored, name, rows, start)
        return notes

    def _ask(self, stored: StoredBars, names: Sequence[str], since: date, end: date) -> BarRows:
        """Fetch rows in order and each once, which is how they are stored, and keep the actions among them."""
        rows = settle(self._vendor.rows(names, since, end), names, self._calendar)
        for actions in rows.actions.values():
            learn(stored, actions)
        return rows

    def _replace(self, stored: StoredBars, name: str, rows: BarRows, start: date) -> dict[str, str]:
        """Take a symbol's whole history as it is now; return what is odd about how it was restated."""
        fresh = rows.by_symbol[name]
        note = self._compare(stored, name, fresh, rows.traded_closes.get(name))
        stored.bars[name] = fresh
        stored.asked_from[name] = start
        return {name: note} if note else {}


def compare_nothing(stored: StoredBars, name: str, new: SymbolBars, traded_close: float | None) -> str:  # noqa: ARG001  # the shape of a comparison
    """Take a vendor's restated past as it is: the account, not the bars, knows of its splits and dividends."""
    return ""


def _portions(wanted: Mapping[date, list[str]]) -> Iterator[tuple[int, date, list[str]]]:
    """Yield the symbols in portions, each with the day to fetch from and how many there are by its end."""
    done = 0
    for since, names in sorted(wanted.items(), key=lambda group: -len(group[1])):
        for first in range(0, len(names), PORTION_SYMBOLS):
            portion = names[first : first + PORTION_SYMBOLS]
            done += len(portion)
            yield done, since, portion


def _fetch_from(stored: StoredBars, name: str, start: date, last: np.datetime64) -> date | None:
    if stored.asked_from.get(name, date.max) > start or name not in stored.bars:
        return start
    sessions = stored.bars[name].sessions
    if sessions[-1] >= last:
        return None
    since: date = sessions[-OVERLAP_SESSIONS:][0].astype(object)
    if last - sessions[-1] > ENDED_DAYS:  # most are delisted, on many days: one question for those of a year
        return max(start, since.replace(month=1, day=1))
    return since


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
