"""Recorded five-minute bars: the prices that a risk check walks within the day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adapters.parquet.table import read_columns
from core.errors import DataError
from core.ports import Calendar
from core.types import Floats, Quote

BAR = timedelta(minutes=5)
COLUMNS = ("timestamp", "ticker", "open", "close")
DAILY_COLUMNS = ("date", "ticker", "open", "close", "adj_close")
HINT = "Check the path of the 5-minute bars."
OPEN_GAP_PCT_MAX = 0.2  # both files have the same opening trade; a split is further than that


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Footing:
    """What puts a session's traded prices on the daily panel's footing.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
    ratio : ndarray of float64, shape (T, N)
        Adjusted close / close, in the order of the symbols asked for; NaN where there is no bar.
    open : ndarray of float64, shape (T, N)
        The daily bar's opening price before that, US dollars.
    """

    sessions: NDArray[np.datetime64]
    ratio: Floats
    open: Floats


class _Session(NamedTuple):
    """One symbol's bars of one session: when each ended, its close, and the first one's opening price."""

    ends: NDArray[np.datetime64]
    closes: Floats
    opening: float


class FiveMinuteBars:
    """Prices of a moment from recorded 5-minute bars; `quotes` is a feed's price source.

    A bar is known once it has ended: its close is the price from then on. Only a session's first opening price
    is known at the moment the bar begins: it is the price an order of the evening before can have. Nothing
    is carried from one session to the next, and bars outside the exchange's hours are left out.

    Parameters
    ----------
    path : Path
        Parquet, one row a bar: timestamp (the bar's start, UTC), ticker, open and close in US dollars,
        adjusted for splits only.
    symbols : sequence of str
        Which tickers to read.
    footing : Footing or None
        Of the same symbols: sessions and symbols that it lacks are left out. None for prices as they are.

    Raises
    ------
    core.errors.DataError
        When the file cannot be read, has none of the symbols within the exchange's hours, has a bar twice or
        without a price, or disagrees with the daily bars by more than a fifth.
    """

    def __init__(
        self, path: Path, symbols: Sequence[str], calendar: Calendar, footing: Footing | None = None
    ) -> None:
        self.name = path.name
        self._symbols = tuple(symbols)
        self._bars: dict[date, dict[str, _Session]] = {}
        self._opens_at: dict[date, datetime] = {}
        self._keep(_checked(path, self._symbols), calendar)
        if not self._bars:
            raise DataError(
                f"{path} has no bars of {', '.join(self._symbols[:5])} within the exchange's hours.",
                hint="Timestamps are the bars' starts, UTC.",
            )
        if footing is not None:
            self._put_on(footing, path)

    @property
    def sessions(self) -> tuple[date, ...]:
        """The sessions that have bars, in order."""
        return tuple(self._bars)

    def opens_at(self, day: date) -> datetime:
        """Give the moment that a session with bars opens at."""
        return self._opens_at[day]

    def tickers(self, day: date) -> tuple[str, ...]:
        """Name the symbols that have bars in a session, in alphabetical order."""
        return tuple(sorted(self._bars.get(day, ())))

    def quotes(self, at: datetime) -> Mapping[str, Quote]:
        """Give each symbol's newest price in the session of `at`; a symbol without one is left out."""
        session = self._bars.get(at.astimezone(UTC).date())
        if session is None:
            return {}
        stamp = np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")
        newest = ((name, _price(bars, stamp)) for name, bars in session.items())
        return {
            name: Quote(symbol=name, price=found[0], at=found[1], session_open=session[name].opening)
            for name, found in newest
            if found is not None
        }

    def _keep(self, table: _Rows, calendar: Calendar) -> None:
        if not len(table.start):
            return
        first, last = table.start[[0, -1]].astype("datetime64[D]").astype(date)
        for session, opens_at, closes_at in calendar.sessions(first, last):
            rows = slice(*np.searchsorted(table.start, [_stamp(opens_at), _stamp(closes_at)]))
            tickers = table.ticker[rows]
            found = {}
            for name in np.unique(tickers).tolist():
                chosen = tickers == name
                starts, closes = table.start[rows][chosen], table.close[rows][chosen]
                opening = float(table.open[rows][chosen][0])
                found[name] = _Session(starts + np.timedelta64(BAR), closes, opening)
            if found:
                self._bars[session] = found
                self._opens_at[session] = opens_at

    def _put_on(self, footing: Footing, path: Path) -> None:
        for day, session in list(self._bars.items()):
            row = int(np.searchsorted(footing.sessions, np.datetime64(day, "D")))
            known = row < len(footing.sessions) and footing.sessions[row] == np.datetime64(day, "D")
            moved = {}
            for name, bars in session.items() if known else ():
                column = self._symbols.index(name)
                times, opening = float(footing.ratio[row, column]), float(footing.open[row, column])
                if not np.isfinite(times * opening):
                    continue
                if abs(bars.opening / opening - 1) > OPEN_GAP_PCT_MAX:
                    raise DataError(
                        f"{path}: {name} opens {day} at {bars.opening:g}, in the daily bars at {opening:g} USD.",
                        hint="Both files have to be adjusted for the same splits.",
                    )
                moved[name] = _Session(bars.ends, bars.closes * times, bars.opening * times)
            self._bars[day] = moved
        self._bars = {day: session for day, session in self._bars.items() if session}


def footing_of(daily: Path, symbols: Sequence[str]) -> Footing:
    """Read from the daily file what turns a session's traded prices into total-return ones.

    Raises
    ------
    core.errors.DataError
        When the file cannot be read or lacks a column.
    """
    table = read_columns(daily, DAILY_COLUMNS, "Check the path of the daily bars.")
    dates, tickers = table.dates("date"), table.texts("ticker")
    opens, closes, adjusted = (table.numbers(name) for name in DAILY_COLUMNS[2:])
    days = np.unique(dates)
    out = np.full((2, len(days), len(symbols)), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):  # a close of zero is for the quality gate to name
        ratios = adjusted / closes
    for column, name in enumerate(symbols):
        rows = tickers == name
        out[:, np.searchsorted(days, dates[rows]), column] = ratios[rows], opens[rows]
    return Footing(sessions=days, ratio=out[0], open=out[1])


class _Rows(NamedTuple):
    """Bars in order of time."""

    start: NDArray[np.datetime64]
    ticker: NDArray[np.str_]
    open: Floats
    close: Floats


def _checked(path: Path, symbols: Sequence[str]) -> _Rows:
    """Read the bars of some symbols; a bar twice or without a price is an error that names it."""
    table = read_columns(path, COLUMNS, HINT)
    moments, tickers = table.moments("timestamp"), table.texts("ticker")
    wanted = np.flatnonzero(np.isin(tickers, list(symbols)))
    order = wanted[np.lexsort((tickers[wanted], moments[wanted]))]
    rows = _Rows(
        start=moments[order],
        ticker=tickers[order],
        open=table.numbers("open")[order],
        close=table.numbers("close")[order],
    )
    twice = (rows.start[1:] == rows.start[:-1]) & (rows.ticker[1:] == rows.ticker[:-1])
    unpriced = ~((rows.open > 0) & (rows.close > 0) & np.isfinite(rows.open * rows.close))
    for wrong, what in ((np.append(False, twice), "twice"), (unpriced, "without a price above 0")):
        if wrong.any():
            place = int(np.argmax(wrong))
            raise DataError(
                f"{path} has {rows.ticker[place]} at {rows.start[place]} {what} ({wrong.sum()} such rows)."
            )
    return rows


def _price(bars: _Session, stamp: np.datetime64) -> tuple[float, datetime] | None:
    place = int(np.searchsorted(bars.ends, stamp, side="right")) - 1
    if place >= 0:
        return float(bars.closes[place]), bars.ends[place].item().replace(tzinfo=UTC)
    began = bars.ends[0] - np.timedelta64(BAR)
    return (bars.opening, began.item().replace(tzinfo=UTC)) if began <= stamp else None


def _stamp(at: datetime) -> np.datetime64:
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")
