"""Assemble rows into a panel: order, duplicates and days off the calendar are settled and named here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adapters.feeds.rows import DAY, BarRows, SymbolBars
from core.ports import Calendar
from core.types import BarPanel, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """The panel, and by symbol what had to be settled on the way."""

    panel: BarPanel
    notes: Mapping[str, str]


class _Rows(NamedTuple):
    """Rows of all symbols behind one another: each one's column, session date and (n, 5) table of values."""

    columns: NDArray[np.intp]
    sessions: NDArray[np.datetime64]
    table: Floats


class _Settled(NamedTuple):
    """Rows without doubt, the close of each session among them, and by symbol what was dropped or sorted."""

    rows: _Rows
    closes: Mapping[np.datetime64, datetime]
    notes: Mapping[str, str]


def assemble(rows: BarRows, symbols: Sequence[str], calendar: Calendar) -> Assembled:
    """Make the panel of these rows on the exchange's sessions.

    Rows out of order are sorted. Of equal duplicates one is kept; contradictory duplicates are all dropped,
    since nothing says which is right. Rows on a day without a session are dropped. Each is named, beside what
    the rows' own notes say.

    Parameters
    ----------
    symbols : sequence of str
        The panel's columns; one without rows is all NaN.
    """
    settled = _settle(rows, symbols, calendar)
    panel = _panel(settled.rows, symbols, settled.closes)
    return Assembled(panel=panel, notes={**settled.notes, **rows.notes})


def settle(rows: BarRows, symbols: Sequence[str], calendar: Calendar) -> BarRows:
    """Sort these symbols' rows and drop doubtful ones as `assemble` does; a symbol without rows is left out."""
    settled = _settle(rows, symbols, calendar)
    columns, sessions, table = settled.rows
    order = np.lexsort((sessions, columns))
    present, first = np.unique(columns[order], return_index=True)
    days, values = np.split(sessions[order], first[1:]), np.split(table[order], first[1:])
    by_symbol = {symbols[column]: SymbolBars(days[k], values[k]) for k, column in enumerate(present)}
    return replace(rows, by_symbol=by_symbol, notes={**settled.notes, **rows.notes})


def _settle(given: BarRows, symbols: Sequence[str], calendar: Calendar) -> _Settled:
    notes: dict[str, list[str]] = {}
    rows = _concatenated(given.by_symbol, symbols)
    _note(notes, symbols, rows, _unordered(rows), "rows out of order, sorted, around")
    closes = _closes(rows, calendar)
    off_calendar = ~np.isin(rows.sessions, np.array(list(closes), DAY))
    _note(notes, symbols, rows, off_calendar, "rows on days without a session, dropped:")
    extra, contradictory = _duplicates(rows)
    _note(notes, symbols, rows, contradictory, "contradictory duplicate rows, dropped:")
    keep = ~(off_calendar | extra | contradictory)
    kept = _Rows(rows.columns[keep], rows.sessions[keep], rows.table[keep])
    return _Settled(kept, closes, {name: "; ".join(parts) for name, parts in notes.items()})


def _concatenated(by_symbol: Mapping[str, SymbolBars], symbols: Sequence[str]) -> _Rows:
    had = [(index, *by_symbol[name]) for index, name in enumerate(symbols) if name in by_symbol]
    return _Rows(
        columns=np.concatenate([np.full(len(days), index) for index, days, _ in had] or [np.empty(0, np.intp)]),
        sessions=np.concatenate([days.astype(DAY) for _, days, _ in had] or [np.empty(0, DAY)]),
        table=np.concatenate([table for *_, table in had] or [np.empty((0, 5))]),
    )


def _closes(rows: _Rows, calendar: Calendar) -> dict[np.datetime64, datetime]:
    if not len(rows.sessions):
        return {}
    first, last = (day.astype(object) for day in (rows.sessions.min(), rows.sessions.max()))
    return {np.datetime64(day, "D"): closes for day, _, closes in calendar.sessions(first, last)}


def _unordered(rows: _Rows) -> NDArray[np.bool_]:
    same = np.diff(rows.columns) == 0
    back = np.diff(rows.sessions) < np.timedelta64(0, "D")
    out = np.zeros(len(rows.columns), dtype=bool)
    out[1:][same & back] = True
    return out


def _duplicates(rows: _Rows) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark the surplus of equal duplicates, and every row of contradictory ones."""
    order = np.lexsort((rows.sessions, rows.columns))
    columns, sessions, table = rows.columns[order], rows.sessions[order], rows.table[order]
    twin = (np.diff(columns) == 0) & (np.diff(sessions) == np.timedelta64(0, "D"))
    equal = ((table[1:] == table[:-1]) | (np.isnan(table[1:]) & np.isnan(table[:-1]))).all(axis=1)
    extra, contradictory = np.zeros(len(order), dtype=bool), np.zeros(len(order), dtype=bool)
    extra[order[1:][twin]] = True
    if twin.any():
        group = np.concatenate([[0], np.cumsum(~twin)])
        disputed = np.unique(group[1:][twin & ~equal])
        contradictory[order[np.isin(group, disputed)]] = True
    return extra, contradictory


def _panel(rows: _Rows, symbols: Sequence[str], closes: Mapping[np.datetime64, datetime]) -> BarPanel:
    days = np.unique(rows.sessions)
    cube = np.full((5, len(days), len(symbols)), np.nan)
    cube[:, np.searchsorted(days, rows.sessions), rows.columns] = rows.table.T
    stamps = [closes[day].astimezone(UTC).replace(tzinfo=None) for day in days]
    return BarPanel(
        sessions=days, known_at=np.array(stamps, dtype="datetime64[us]"), symbols=tuple(symbols),
        open=cube[0], high=cube[1], low=cube[2], close=cube[3], volume=cube[4],
    )  # fmt: skip


def _note(
    notes: dict[str, list[str]], symbols: Sequence[str], rows: _Rows, marked: NDArray[np.bool_], what: str
) -> None:
    for column in np.unique(rows.columns[marked]):
        days = rows.sessions[marked & (rows.columns == column)]
        first: date = days.min().astype(object)
        notes.setdefault(symbols[column], []).append(f"{len(days)} {what} {first}")
