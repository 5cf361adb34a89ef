"""Reads the frames of `yfinance.download`: columns (price, ticker), one row a session or a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from math import isfinite
from typing import Any

import numpy as np

from adapters.feeds.rows import DAY, SymbolBars
from core.errors import DataError
from core.money import to_price
from core.times import NEW_YORK
from core.types import ActionKind, CorporateAction

ACTIONS: Mapping[str, ActionKind] = {"Stock Splits": ActionKind.SPLIT, "Dividends": ActionKind.DIVIDEND}

COLUMNS = ("Open", "High", "Low", "Close", "Volume")
ADJUSTED = "Adj Close"
PAYMENTS = ("Dividends", "Capital Gains", "Stock Splits")
RATIO_DENOMINATOR_MAX = 10_000
CASH_TICK = Decimal("0.000001")


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
            for name in PAYMENTS
        ]
        table = np.column_stack([*given, *paid])
        had = ~np.isnan(table[:, :4]).all(axis=1)
        out[ticker] = SymbolBars(days[had], table[had])
    return out


def traded_closes(frame: Any) -> dict[str, float]:
    """Read by ticker the last close as traded, adjusted for splits only."""
    return {ticker: float(frame["Close"][ticker].dropna().iloc[-1]) for ticker in answered(frame)}


def actions_of(frame: Any, source: str) -> dict[str, tuple[CorporateAction, ...]]:
    """Read by ticker the dividends and splits of a frame of days or minutes, oldest first.

    A dividend has the close before it where the frame has a row before it.
    """
    listed = {kind: frame[name] for name, kind in ACTIONS.items() if name in frame.columns.get_level_values(0)}
    out: dict[str, tuple[CorporateAction, ...]] = {}
    for ticker in answered(frame):
        found = []
        for kind, columns in listed.items():
            values = columns[ticker].fillna(0.0)
            closes = frame["Close"][ticker].ffill().shift(1)
            for at, value in values[values > 0].items():
                found.append(_action(ticker, kind, _day(at), float(value), float(closes[at]), source))
        if found:
            out[ticker] = tuple(sorted(found, key=lambda action: action.ex_date))
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


def _action(
    ticker: str, kind: ActionKind, day: date, value: float, close_before: float, source: str
) -> CorporateAction:
    if kind is ActionKind.SPLIT:
        ratio = Fraction(value).limit_denominator(RATIO_DENOMINATOR_MAX)
        exact = Decimal(ratio.numerator) / Decimal(ratio.denominator)
        return CorporateAction(symbol=ticker, kind=kind, ex_date=day, ratio=exact, source=source)
    return CorporateAction(
        symbol=ticker,
        kind=kind,
        ex_date=day,
        cash_per_share=Decimal(repr(value)).quantize(CASH_TICK).normalize(),
        close_before=to_price(close_before) if isfinite(close_before) else Decimal(0),
        source=source,
    )


def _day(at: Any) -> date:
    """Give the New York date of a row: days have no time zone, minutes have one."""
    local: date = (at if at.tzinfo is None else at.tz_convert(NEW_YORK)).date()
    return local


def check(frame: Any, columns: Sequence[str] = COLUMNS) -> None:
    """Refuse a frame without the columns we read."""
    missing = [name for name in columns if name not in frame.columns.get_level_values(0)]
    if missing:
        raise DataError(
            f"Yahoo's answer has no column {', '.join(missing)}.",
            hint="yfinance has changed its form: use the version that constraints.txt pins.",
        )
