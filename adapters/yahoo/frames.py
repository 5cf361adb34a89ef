"""Reads the frames of `yfinance.download`: columns (price, ticker), one row a session or a minute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from adapters.feeds.rows import DAY, SymbolBars
from core.errors import DataError

COLUMNS = ("Open", "High", "Low", "Close", "Volume")
ADJUSTED = "Adj Close"
ACTIONS = ("Dividends", "Capital Gains", "Stock Splits")


def daily_tables(frame: Any) -> dict[str, SymbolBars]:
    """Split a frame of daily bars by ticker into rows; empty tickers and rows without a price are left out.

    The tables, shape (n, 9), hold open, high, low, close, volume, adj_close, dividend, capital_gain and split.

    Raises
    ------
    core.errors.DataError
        When a column is missing.
    """
    if not len(frame):
        return {}
    check(frame, (*COLUMNS, ADJUSTED))
    had_columns = set(frame.columns.get_level_values(0))
    days = frame.index.to_numpy().astype(DAY)
    out = {}
    for ticker in answered(frame):
        given = [frame[name][ticker].to_numpy(dtype=np.float64) for name in (*COLUMNS, ADJUSTED)]
        paid = [
            frame[name][ticker].fillna(0.0).to_numpy(dtype=np.float64)
            if name in had_columns and ticker in frame[name].columns
            else np.zeros(len(days))
            for name in ACTIONS
        ]
        table = np.column_stack([*given, *paid])
        had = ~np.isnan(table[:, :4]).all(axis=1)
        out[ticker] = SymbolBars(days[had], table[had])
    return out


def latest_prices(frame: Any) -> dict[str, tuple[float, float, datetime]]:
    """Read a frame of minutes: by ticker the newest price, the first opening price, the newest minute's start.

    Raises
    ------
    core.errors.DataError
        When a column is missing.
    """
    if not len(frame):
        return {}
    check(frame)
    out = {}
    for ticker in answered(frame):
        closes, opens = frame["Close"][ticker].dropna(), frame["Open"][ticker].dropna()
        minute: datetime = closes.index[-1].to_pydatetime()
        opening = float(opens.iloc[0]) if len(opens) else float(closes.iloc[0])
        out[ticker] = float(closes.iloc[-1]), opening, minute.astimezone(UTC)
    return out


def answered(frame: Any) -> set[str]:
    """Name the tickers that have at least one closing price."""
    if "Close" not in frame.columns.get_level_values(0):
        return set()
    had = frame["Close"].notna().any(axis=0)
    return set(had[had].index)


def check(frame: Any, columns: Sequence[str] = COLUMNS) -> None:
    """Refuse a frame without the columns we read."""
    missing = [name for name in columns if name not in frame.columns.get_level_values(0)]
    if missing:
        raise DataError(
            f"Yahoo's answer has no column {', '.join(missing)}.",
            hint="yfinance has changed its form: use the version that constraints.txt pins.",
        )
