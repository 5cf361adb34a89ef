"""The equity curve beside what holding the market would have made: one point a session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.market import BarPanel, Floats
from core.service import EquityMark, EquityPoint
from core.trading import ZERO

Sessions = NDArray[np.datetime64]


def compare_with_market(
    marks: Sequence[EquityMark], bars: BarPanel | None, *, benchmark: str, universe: Sequence[str], sessions: int
) -> tuple[EquityPoint, ...]:
    """Return the portfolio's equity marks beside the index and the equal-weight universe.

    Both are scaled to the portfolio's equity at its first mark in the window (or to 1 where there is no mark), so
    that the three lines meet where the engine began. What a person pays in or takes out later is paid into them
    too, at that session's close: a deposit is no profit over the market. They pay no costs.

    Parameters
    ----------
    marks : sequence of EquityMark
        One a session, oldest first.
    bars : BarPanel or None
        What the last view knew.
    universe : sequence of str
        The stocks of the equal-weight portfolio, which is rebalanced every session.
    sessions : int
        How many sessions at most, the newest.
    """
    known = bars.sessions if bars is not None else np.array([], dtype="datetime64[D]")
    marked = np.array([mark.session for mark in marks], dtype="datetime64[D]")
    days: Sessions = np.union1d(known, marked)[-sessions:]
    shown = set(_dates(days))
    marks = [mark for mark in marks if mark.session in shown]
    held = {mark.session: mark for mark in marks}
    index = _on(days, known, _index(bars, benchmark))
    even = _on(days, known, _even(bars, universe))
    start = int(np.searchsorted(days, np.datetime64(marks[0].session, "D"))) if marks else 0
    scale = float(marks[0].equity) if marks else 1.0
    paid = np.zeros(len(days))
    for mark in marks:
        paid[np.searchsorted(days, np.datetime64(mark.session, "D"))] = float(mark.external_flow)
    paid[start : start + 1] = scale
    return tuple(
        EquityPoint(
            session=day,
            equity=held[day].equity if day in held else None,
            drawdown=held[day].drawdown if day in held else None,
            regime=held[day].regime if day in held else None,
            benchmark=_grown(index, paid, row, start),
            equal_weight=_grown(even, paid, row, start),
            external_flow=held[day].external_flow if day in held else ZERO,
        )
        for row, day in enumerate(_dates(days))
    )


def _dates(days: Sessions) -> list[date]:
    listed: list[Any] = days.astype("datetime64[D]").tolist()
    return listed


def _index(bars: BarPanel | None, symbol: str) -> Floats:
    """Return the closes (T,), the last one known carried over gaps."""
    if bars is None or symbol not in bars.column:
        return np.array([])
    return _carried(bars.close[:, bars.column[symbol]])


def _even(bars: BarPanel | None, universe: Sequence[str]) -> Floats:
    """Return the growth (T,) of a portfolio that holds every member with two closes in a row evenly."""
    columns = [bars.column[symbol] for symbol in universe if symbol in bars.column] if bars is not None else []
    if bars is None or not columns or not len(bars.sessions):
        return np.array([])
    closes = bars.close[:, columns]
    returns = closes[1:] / closes[:-1] - 1.0
    priced = np.isfinite(returns) & bars.member[:-1, columns]
    means = np.where(priced, returns, 0.0).sum(axis=1) / np.maximum(priced.sum(axis=1), 1)
    return np.concatenate([[1.0], np.cumprod(1.0 + means)])


def _carried(values: Floats) -> Floats:
    rows = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), -1))
    return np.where(rows >= 0, values[rows], np.nan)


def _on(days: Sessions, known: Sessions, values: Floats) -> Floats:
    """Return the newest value known on each day; NaN before the first."""
    if not len(values):
        return np.full(len(days), np.nan)
    rows = np.searchsorted(known, days, side="right") - 1
    return np.where(rows >= 0, values[np.maximum(rows, 0)], np.nan)


def _grown(values: Floats, paid: Floats, row: int, start: int) -> float | None:
    """Return what all that was paid in from `start` on has become; before it, what would have grown to it."""
    since = slice(start, max(row, start) + 1)
    paying = paid[since] != 0
    grown = float((values[row] / values[since][paying] * paid[since][paying]).sum())
    return grown if np.isfinite(grown) else None
