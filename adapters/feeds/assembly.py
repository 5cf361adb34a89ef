"""Turn a vendor's rows into a panel: order, duplicates and days off the calendar are settled and named here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from core.ports import Calendar
from core.types import BarPanel, Floats

DAY = "datetime64[D]"


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBars:
    """A vendor's rows in the order they came.

    Attributes
    ----------
    columns : ndarray of int, shape (n,)
        Each row's symbol, as an index into the symbols asked for.
    sessions : ndarray of datetime64[D], shape (n,)
        Each row's session date.
    table : ndarray of float64, shape (n, 5)
        Open, high, low, close in US dollars and volume in shares.
    """

    columns: NDArray[np.intp]
    sessions: NDArray[np.datetime64]
    table: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """The panel, and by symbol what had to be settled on the way."""

    panel: BarPanel
    notes: Mapping[str, str]


def gather(by_symbol: Mapping[str, tuple[NDArray[np.datetime64], Floats]], symbols: Sequence[str]) -> RawBars:
    """Lay each symbol's (sessions, table) behind one another; a symbol not had adds no row."""
    had = [(index, *by_symbol[name]) for index, name in enumerate(symbols) if name in by_symbol]
    return RawBars(
        columns=np.concatenate([np.full(len(days), index) for index, days, _ in had] or [np.empty(0, np.intp)]),
        sessions=np.concatenate([days.astype(DAY) for _, days, _ in had] or [np.empty(0, DAY)]),
        table=np.concatenate([table for *_, table in had] or [np.empty((0, 5))]),
    )


def assemble(raw: RawBars, symbols: Sequence[str], calendar: Calendar) -> Assembled:
    """Sort the rows into a panel on the exchange's sessions.

    Rows out of order are sorted. Of equal duplicates one is kept; contradictory duplicates are all dropped,
    since nothing says which is right. Rows on a day without a session are dropped. Each is named.

    Parameters
    ----------
    symbols : sequence of str
        The panel's columns; one without rows is all NaN.
    """
    notes: dict[str, list[str]] = {}
    _note(notes, symbols, raw, _unordered(raw), "rows out of order, sorted, around")
    known = _closes(raw, calendar)
    off_calendar = ~np.isin(raw.sessions, np.array(list(known), DAY))
    _note(notes, symbols, raw, off_calendar, "rows on days without a session, dropped:")
    extra, contradictory = _duplicates(raw)
    _note(notes, symbols, raw, contradictory, "contradictory duplicate rows, dropped:")
    keep = ~(off_calendar | extra | contradictory)
    panel = _panel(raw.columns[keep], raw.sessions[keep], raw.table[keep], symbols, known)
    return Assembled(panel=panel, notes={name: "; ".join(said) for name, said in notes.items()})


def empty_panel(symbols: Sequence[str]) -> BarPanel:
    """Give a panel without sessions."""
    return _panel(np.empty(0, np.intp), np.empty(0, DAY), np.empty((0, 5)), symbols, {})


def _closes(raw: RawBars, calendar: Calendar) -> dict[np.datetime64, datetime]:
    if not len(raw.sessions):
        return {}
    first, last = (day.astype(object) for day in (raw.sessions.min(), raw.sessions.max()))
    return {np.datetime64(day, "D"): closes for day, _, closes in calendar.sessions(first, last)}


def _unordered(raw: RawBars) -> NDArray[np.bool_]:
    order = np.argsort(raw.columns, kind="stable")
    same = np.diff(raw.columns[order]) == 0
    back = np.diff(raw.sessions[order]) < np.timedelta64(0, "D")
    out = np.zeros(len(order), dtype=bool)
    out[order[1:][same & back]] = True
    return out


def _duplicates(raw: RawBars) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark the surplus of equal duplicates, and every row of contradictory ones."""
    order = np.lexsort((raw.sessions, raw.columns))
    columns, sessions, table = raw.columns[order], raw.sessions[order], raw.table[order]
    twin = (np.diff(columns) == 0) & (np.diff(sessions) == np.timedelta64(0, "D"))
    equal = ((table[1:] == table[:-1]) | (np.isnan(table[1:]) & np.isnan(table[:-1]))).all(axis=1)
    extra, contradictory = np.zeros(len(order), dtype=bool), np.zeros(len(order), dtype=bool)
    extra[order[1:][twin]] = True
    if twin.any():
        group = np.concatenate([[0], np.cumsum(~twin)])
        disputed = np.unique(group[1:][twin & ~equal])
        contradictory[order[np.isin(group, disputed)]] = True
    return extra, contradictory


def _panel(
    columns: NDArray[np.intp],
    sessions: NDArray[np.datetime64],
    table: Floats,
    symbols: Sequence[str],
    known: Mapping[np.datetime64, datetime],
) -> BarPanel:
    days = np.unique(sessions)
    cube = np.full((5, len(days), len(symbols)), np.nan)
    cube[:, np.searchsorted(days, sessions), columns] = table.T
    stamps = [known[day].astimezone(UTC).replace(tzinfo=None) for day in days]
    return BarPanel(
        sessions=days, known_at=np.array(stamps, dtype="datetime64[us]"), symbols=tuple(symbols),
        open=cube[0], high=cube[1], low=cube[2], close=cube[3], volume=cube[4],
    )  # fmt: skip


def _note(
    notes: dict[str, list[str]], symbols: Sequence[str], raw: RawBars, marked: NDArray[np.bool_], what: str
) -> None:
    for column in np.unique(raw.columns[marked]):
        days = raw.sessions[marked & (raw.columns == column)]
        first: date = days.min().astype(object)
        notes.setdefault(symbols[column], []).append(f"{len(days)} {what} {first}")
