"""Five-minute bars: the prices that a risk check walks within the day, and the moments it walks them at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.cycles import DECIDE, RISK_CHECK
from core.errors import DataError
from core.ports import Calendar
from core.types import BarPanel, Floats, Quote
from pipeline.backtest.loop import Moment

BAR = timedelta(minutes=5)
COLUMNS = ("timestamp", "ticker", "open", "close")
DECIDES = replace(DECIDE, submits=True)


class FiveMinuteBars:
    """Prices of a moment from recorded 5-minute bars; `quotes` is a feed's price source.

    A bar is known once it has ended: its close is the price from then on. Only a session's first opening price
    is known at the moment the bar begins: it is the price an order of the evening before can have. Nothing
    is carried from one session to the next.

    Parameters
    ----------
    path : Path
        Parquet, one row a bar: timestamp (the bar's start), ticker, open and close in US dollars as traded.
    symbols : sequence of str
        Which tickers to read.
    factor : tuple of (ndarray of datetime64[D], ndarray) or None
        Sessions, shape (T,), and what each session's prices are multiplied with to be on the daily panel's
        footing (splits and dividends), shape (T, N), in the order of `symbols`; None for prices as they are.

    Raises
    ------
    core.errors.DataError
        When the file cannot be read, or has none of the symbols.
    """

    def __init__(
        self,
        path: Path,
        symbols: Sequence[str],
        calendar: Calendar,
        factor: tuple[NDArray[np.datetime64], Floats] | None = None,
    ) -> None:
        starts, tickers, opens, closes = _columns(path)
        self._symbols = tuple(symbols)
        self._bars: dict[tuple[date, str], tuple[NDArray[np.datetime64], Floats, float]] = {}
        for name in self._symbols:
            rows = np.flatnonzero(tickers == name)
            rows = rows[np.argsort(starts[rows], kind="stable")]
            self._keep(name, starts[rows], opens[rows], closes[rows], factor)
        if not self._bars:
            raise DataError(f"{path} has no bars of {', '.join(self._symbols[:5])}.")
        days = sorted({day for day, _ in self._bars})
        self._sessions = {
            session: (opens_at, closes_at)
            for session, opens_at, closes_at in calendar.sessions(days[0], days[-1])
            if session in set(days)
        }

    @property
    def sessions(self) -> tuple[date, ...]:
        """The sessions that have bars, in order."""
        return tuple(self._sessions)

    def quotes(self, at: datetime) -> Mapping[str, Quote]:
        """Give each symbol's newest price in the session of `at`; a symbol without one is left out."""
        day = at.astimezone(UTC).date()
        if day not in self._sessions:
            return {}
        stamp = np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")
        found = ((name, self._price(day, name, stamp)) for name in self._symbols)
        return {
            name: Quote(symbol=name, price=seen[0], at=seen[1], session_open=seen[2])
            for name, seen in found
            if seen is not None
        }

    def moments(self, panel: BarPanel, first: int, last: int) -> list[Moment]:
        """Give the steps of rows first to last of the daily panel: checks within a day, a decision at its close.

        In sessions with bars the risk check runs at the open and every five minutes until the close; sessions
        without bars have their decision alone. Decisions send orders and leave no resting levels: it is the
        risk checks that watch them.
        """
        out: list[Moment] = []
        for row in range(first, last + 1):
            closes_at: datetime = panel.known_at[row].astype("datetime64[us]").item().replace(tzinfo=UTC)
            day: date = panel.sessions[row].astype("datetime64[D]").item()
            if day in self._sessions:
                at = self._sessions[day][0]
                while at < closes_at:
                    out.append((at, RISK_CHECK))
                    at += BAR
            out.append((closes_at, DECIDES))
        return out

    def _price(self, day: date, name: str, stamp: np.datetime64) -> tuple[float, datetime, float] | None:
        known = self._bars.get((day, name))
        if known is None:
            return None
        ends, closes, opening = known
        place = int(np.searchsorted(ends, stamp, side="right")) - 1
        if place >= 0:
            return float(closes[place]), ends[place].item().replace(tzinfo=UTC), opening
        began = ends[0] - np.timedelta64(BAR)
        return (opening, began.item().replace(tzinfo=UTC), opening) if began <= stamp else None

    def _keep(
        self,
        name: str,
        starts: NDArray[np.datetime64],
        opens: Floats,
        closes: Floats,
        factor: tuple[NDArray[np.datetime64], Floats] | None,
    ) -> None:
        days = starts.astype("datetime64[D]")
        column = self._symbols.index(name)
        for day in np.unique(days):
            rows = np.flatnonzero(days == day)
            times = 1.0 if factor is None else _factor_at(factor, day, column)
            ends = starts[rows] + np.timedelta64(BAR)
            if np.isfinite(times):
                self._bars[day.item(), name] = (ends, closes[rows] * times, float(opens[rows[0]] * times))


def adjustment(daily: Path, symbols: Sequence[str]) -> tuple[NDArray[np.datetime64], Floats]:
    """Read from the daily file what turns a session's traded prices into total-return ones.

    Returns
    -------
    tuple of (ndarray of datetime64[D], ndarray)
        Sessions, shape (T,), and adj_close / close, shape (T, N); NaN where there is no bar.

    Raises
    ------
    core.errors.DataError
        When the file cannot be read or lacks a column.
    """
    table = _read(daily, ("date", "ticker", "close", "adj_close"))
    dates = table["date"].to_numpy().astype("datetime64[D]")
    tickers = np.asarray(table["ticker"].to_pylist(), dtype=np.str_)
    ratio = table["adj_close"].to_numpy() / table["close"].to_numpy()
    days = np.unique(dates)
    out = np.full((len(days), len(symbols)), np.nan)
    for column, name in enumerate(symbols):
        rows = tickers == name
        out[np.searchsorted(days, dates[rows]), column] = ratio[rows]
    return days, out


def _factor_at(factor: tuple[NDArray[np.datetime64], Floats], day: np.datetime64, column: int) -> float:
    days, table = factor
    row = int(np.searchsorted(days, day))
    return float(table[row, column]) if row < len(days) and days[row] == day else float("nan")


def _columns(path: Path) -> tuple[NDArray[np.datetime64], NDArray[np.str_], Floats, Floats]:
    table = _read(path, COLUMNS)
    starts = table["timestamp"].to_numpy().astype("datetime64[us]")
    tickers = np.asarray(table["ticker"].to_pylist(), dtype=np.str_)
    return starts, tickers, table["open"].to_numpy(), table["close"].to_numpy()


def _read(path: Path, columns: Sequence[str]) -> Any:
    # heavy: imported at first use
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        missing = [name for name in columns if name not in pq.read_schema(path).names]
        if missing:
            raise DataError(f"{path} has no column {', '.join(missing)}.", hint=f"It needs {', '.join(columns)}.")
        return pq.read_table(path, columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}.") from error
