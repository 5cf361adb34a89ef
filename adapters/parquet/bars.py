"""Recorded daily bars from a parquet file in long form: date, ticker, open, high, low, close, adj_close, volume.

Open, high, low and close are adjusted for splits only; times adj_close / close they are total return. Where the
file also has dividend, split or capital_gain (or their plurals, or stock_splits), the adjustment is checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adapters.feeds.action_table import NO_ACTIONS, ActionTable
from adapters.feeds.assembly import assemble
from adapters.feeds.quality import VendorRows, restate
from adapters.feeds.rows import BarRows, split_by_symbol
from adapters.feeds.source import RecordedEnd
from adapters.parquet.table import RecordedTable, read_columns
from core.errors import DataError
from core.ports import Calendar
from core.tickers import spelt
from core.types import BarPanel, Floats, Quote

PRICES = ("open", "high", "low", "close")
COLUMNS = ("date", "ticker", *PRICES, "adj_close", "volume")
ACTIONS = {
    "dividend": ("dividend", "dividends"),
    "capital_gain": ("capital_gain", "capital_gains"),
    "split": ("split", "splits", "stock_split", "stock_splits"),
}
HINT = "Check the path of DATA_PROVIDER."


class ParquetBars:
    """Implements `Source` on the bars of one file; it has no quotes."""

    name = "parquet"
    publication_delay = timedelta(0)
    replays_quotes = True

    def __init__(self, path: Path, calendar: Calendar) -> None:
        self._path = path
        self._calendar = calendar
        self.notes: Mapping[str, str] = {}

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        """Read the sessions from start to end inclusive; a symbol not in the file is a column of NaN.

        Raises
        ------
        core.errors.DataError
            When the file cannot be read, or lacks a column, or a column is not of its type.
        """
        optional = [name for names in ACTIONS.values() for name in names]
        table = read_columns(self._path, COLUMNS, HINT, optional=optional)
        days, tickers = table.dates("date"), table.texts("ticker")
        numbers = {name: table.numbers(name) for name in (*PRICES, "adj_close", "volume")}
        tickers, notes = self._as_asked(tickers, symbols)
        wanted = np.isin(tickers, list(symbols))
        wanted &= (days >= np.datetime64(start, "D")) & (days <= np.datetime64(end, "D"))
        index = {name: column for column, name in enumerate(symbols)}
        restated = restate(
            VendorRows(
                columns=np.array([index[name] for name in tickers[wanted]], dtype=np.intp),
                sessions=days[wanted],
                prices=np.column_stack([numbers[name] for name in PRICES])[wanted],
                volume=numbers["volume"][wanted],
                adj_close=numbers["adj_close"][wanted],
                **{name: _action(table, names)[wanted] for name, names in ACTIONS.items()},
            )
        )
        by_symbol = split_by_symbol(tickers[wanted], days[wanted], restated.table)
        rows = BarRows(by_symbol=by_symbol, notes={**notes, **restated.notes(symbols)})
        made = assemble(rows, symbols, self._calendar)
        self.notes = made.notes
        return made.panel

    def _as_asked(
        self, tickers: NDArray[np.str_], symbols: Sequence[str]
    ) -> tuple[NDArray[np.str_], Mapping[str, str]]:
        """Read other spellings of a ticker as the one asked for, and note that and which are not there.

        Raises
        ------
        core.errors.DataError
            When none is there.
        """
        found, place = np.unique(tickers, return_inverse=True)
        had = set(found.tolist())
        spellings: dict[str, list[str]] = {}
        for name in found.tolist():
            if spelt(name) not in had and spelt(name) in symbols:
                spellings.setdefault(spelt(name), []).append(name)
        read_as = {names[0]: symbol for symbol, names in spellings.items() if len(names) == 1}
        lacking = [name for name in symbols if name not in had and name not in read_as.values()]
        if len(lacking) == len(symbols):
            raise DataError(
                f"{self._path} has none of the {len(symbols)} tickers wanted ({_few(symbols)}); in its column "
                f"ticker are {_few(found.tolist())}.",
                hint="Write the tickers as the universe has them, e.g. AAPL.",
            )
        notes = {}
        if read_as:
            notes["tickers in another spelling"] = f"{_few(list(read_as))} read as {_few(list(read_as.values()))}"
        if lacking:
            notes["tickers not in the file"] = _few(lacking)
        return np.array([read_as.get(name, name) for name in found.tolist()], dtype=np.str_)[place], notes

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:  # noqa: ARG002  # the port's
        """Give no quotes: the file holds daily bars."""
        return {}

    def actions(self) -> ActionTable:
        """Return none: recorded bars are total return, dividends are in the prices."""
        return NO_ACTIONS

    def recorded_end(self) -> RecordedEnd:
        """Give the file's last session and its close, where the engine's clock stands.

        Raises
        ------
        core.errors.DataError
            When the file cannot be read or holds no session of the exchange.
        """
        days = read_columns(self._path, COLUMNS, HINT).dates("date")
        if not len(days):
            raise DataError(f"{self._path} holds no bars.")
        newest: date = days.max().astype(object)
        sessions = self._calendar.sessions(newest - timedelta(days=14), newest)
        if not sessions:
            raise DataError(f"{self._path} ends on {newest}, with no session of the exchange near it.")
        return RecordedEnd(sessions[-1][0], sessions[-1][2])


def _action(table: RecordedTable, names: Sequence[str]) -> Floats:
    """Return the first of these columns that the file has; zeros without."""
    for name in names:
        if name in table.table.column_names:
            return table.numbers(name)
    return np.zeros(len(table.table))


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"{', '.join(names[:8])}{more}" or "none"
