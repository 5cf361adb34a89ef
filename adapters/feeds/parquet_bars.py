"""Recorded daily bars from a parquet file in long form: date, ticker, open, high, low, close, adj_close, volume.

Open, high, low and close are adjusted for splits only; times adj_close / close they are total return.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.feeds.assembly import RawBars, assemble
from core.errors import DataError
from core.ports import Calendar
from core.types import BarPanel, Quote

PRICES = ("open", "high", "low", "close")
COLUMNS = ("date", "ticker", *PRICES, "adj_close", "volume")


class ParquetBars:
    """Gives the bars of one file; it has no quotes."""

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
        table = _read(self._path)
        days, tickers = _column(table, "date", "datetime64[D]"), _column(table, "ticker", np.str_)
        numbers = {name: _column(table, name, np.float64) for name in (*PRICES, "adj_close", "volume")}
        wanted = np.isin(tickers, list(symbols))
        wanted &= (days >= np.datetime64(start, "D")) & (days <= np.datetime64(end, "D"))
        with np.errstate(divide="ignore", invalid="ignore"):  # a close of zero is for the quality gate to name
            factor = numbers["adj_close"] / numbers["close"]
        adjusted = [numbers[name] * factor for name in PRICES]
        index = {name: column for column, name in enumerate(symbols)}
        raw = RawBars(
            columns=np.array([index[name] for name in tickers[wanted]], dtype=np.intp),
            sessions=days[wanted],
            table=np.column_stack([*adjusted, numbers["volume"]])[wanted],
        )
        made = assemble(raw, symbols, self._calendar)
        self.notes = made.notes
        return made.panel

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:  # noqa: ARG002  # the port's
        """Give no quotes: the file holds daily bars."""
        return {}

    def last_session(self) -> tuple[date, datetime]:
        """Give the file's last session and its close, where the engine's clock stands.

        Raises
        ------
        core.errors.DataError
            When the file cannot be read or holds no session of the exchange.
        """
        days = _column(_read(self._path), "date", "datetime64[D]")
        if not len(days):
            raise DataError(f"{self._path} holds no bars.")
        newest: date = days.max().astype(object)
        sessions = self._calendar.sessions(newest - timedelta(days=14), newest)
        if not sessions:
            raise DataError(f"{self._path} ends on {newest}, with no session of the exchange near it.")
        return sessions[-1][0], sessions[-1][2]


def _read(path: Path) -> Any:
    # heavy: imported at first use
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        names = pq.read_schema(path).names
        missing = [name for name in COLUMNS if name not in names]
        if missing:
            raise DataError(
                f"{path} has no column {', '.join(missing)}.",
                hint=f"It needs {', '.join(COLUMNS)}, one row a bar.",
            )
        return pq.read_table(path, columns=list(COLUMNS))
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} cannot be read as parquet: {error}.", hint="Check the path of DATA_PROVIDER."
        ) from error


def _column(table: Any, name: str, dtype: Any) -> NDArray[Any]:
    try:
        column: NDArray[Any] = table[name].to_numpy().astype(dtype)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The column {name} is of type {table[name].type}, which is no {np.dtype(dtype)}."
        ) from error
    return column
