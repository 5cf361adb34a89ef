"""Recorded daily bars from a parquet file in long form: date, ticker, open, high, low, close, adj_close, volume.

Open, high, low and close are adjusted for splits only; times adj_close / close they are total return. Where the
file also has dividend, split or capital_gain (or their plurals, or stock_splits), the adjustment is checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from adapters.feeds.assembly import assemble
from adapters.feeds.quality import VendorRows, restate
from adapters.feeds.rows import DAY, BarRows, split_by_symbol
from adapters.feeds.source import RecordedEnd
from adapters.parquet.table import column_of, read_columns
from core.errors import DataError
from core.ports import Calendar
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
        days, tickers = column_of(table, "date", DAY), column_of(table, "ticker", np.str_)
        numbers = {name: column_of(table, name, np.float64) for name in (*PRICES, "adj_close", "volume")}
        wanted = np.isin(tickers, list(symbols))
        wanted &= (days >= np.datetime64(start, "D")) & (days <= np.datetime64(end, "D"))
        index = {name: column for column, name in enumerate(symbols)}
        rows = VendorRows(
            columns=np.array([index[name] for name in tickers[wanted]], dtype=np.intp),
            sessions=days[wanted],
            prices=np.column_stack([numbers[name] for name in PRICES])[wanted],
            volume=numbers["volume"][wanted],
            adj_close=numbers["adj_close"][wanted],
            **{name: _action(table, names)[wanted] for name, names in ACTIONS.items()},
        )
        restated = restate(rows)
        by_symbol = split_by_symbol(tickers[wanted], days[wanted], restated.table)
        made = assemble(BarRows(by_symbol=by_symbol, notes=restated.notes(symbols)), symbols, self._calendar)
        self.notes = made.notes
        return made.panel

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:  # noqa: ARG002  # the port's
        """Give no quotes: the file holds daily bars."""
        return {}

    def recorded_end(self) -> RecordedEnd:
        """Give the file's last session and its close, where the engine's clock stands.

        Raises
        ------
        core.errors.DataError
            When the file cannot be read or holds no session of the exchange.
        """
        days = column_of(read_columns(self._path, COLUMNS, HINT), "date", DAY)
        if not len(days):
            raise DataError(f"{self._path} holds no bars.")
        newest: date = days.max().astype(object)
        sessions = self._calendar.sessions(newest - timedelta(days=14), newest)
        if not sessions:
            raise DataError(f"{self._path} ends on {newest}, with no session of the exchange near it.")
        return RecordedEnd(sessions[-1][0], sessions[-1][2])


def _action(table: Any, names: Sequence[str]) -> Floats:
    """Return the first of these columns that the file has; zeros without."""
    for name in names:
        if name in table.column_names:
            return column_of(table, name, np.float64)
    return np.zeros(len(table))
