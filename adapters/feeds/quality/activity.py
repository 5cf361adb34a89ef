"""How lively a session was against its symbol's recent ones: a real move is traded, a wrong one is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adapters.feeds.quality.rows import CLOSE, HIGH, LOW, Flags, Rows, Series
from core.types import Floats

WINDOW = 20
BEFORE: Rows = np.arange(-WINDOW, 0)
AROUND: Rows = np.concatenate([BEFORE, np.arange(1, WINDOW + 1)])
MOVES_MIN = 4
QUARTILE_SIGMAS = 1.1503  # the upper quartile of |x| of a normal distribution
SIGMA_MIN = 0.004
TICK_ROWS, TICK_PCT_MIN = 5, 1e-6
SIGMA_UNKNOWN = 0.02  # a stock's usual daily move
ACTIVITY_MAX = 3.0
RANGE_MAX = 2.5
QUIET_SIGMAS_MIN = 8.0
DAY_MOVE_SIGMAS_MAX = 4.0
DAY_MOVE_MIN = 0.05
LARGE_MIN = np.log(3.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is usual around some rows of a series, each of shape (k,).

    Attributes
    ----------
    sigma : ndarray of float64
        Robust standard deviation of the daily log return: the upper quartile of its absolute value over the
        sessions looked at, by 1.1503 (the quartile, since half the closes of a penny stock do not move at all);
        no less than the tick the stock moves by.
    range_ratio : ndarray of float64
        The row's log(high / low) over the median of the sessions before, or after where there are few.
    activity : ndarray of float64
        The lesser of the row's shares and its dollars traded, each over the median of the sessions before.
        Prices of another scale leave one of the two as usual; NaN where there is no volume.
    """

    sigma: Floats
    range_ratio: Floats
    activity: Floats


def surroundings(series: Series, rows: Rows, odd: Flags, *, looked_at: Rows) -> Surroundings:
    """Measure what is usual around rows, without the rows that are odd themselves.

    Parameters
    ----------
    looked_at : ndarray of int
        The offsets to measure on: `AROUND`, or `BEFORE` to know nothing of what came later.
    odd : ndarray of bool, shape (m,)
        Rows of the series whose return says nothing of what is usual.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.abs(np.log(series.prices[:, CLOSE] / series.before()))
        ranges = np.log(series.prices[:, HIGH] / series.prices[:, LOW])
    moves[odd] = np.nan
    dollars = series.volume * series.prices[:, CLOSE]
    usual_range = _quantile(series, ranges, rows, BEFORE, share=0.5, fewest=MOVES_MIN)
    usual_range = np.where(
        np.isnan(usual_range), _quantile(series, ranges, rows, looked_at, share=0.5), usual_range
    )
    sigma = _quantile(series, moves, rows, looked_at, share=0.75, fewest=MOVES_MIN) / QUARTILE_SIGMAS
    floor = np.full(len(rows), SIGMA_MIN)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = series.volume[rows] / _quantile(series, _positive(series.volume), rows, BEFORE, share=0.5)
        traded = dollars[rows] / _quantile(series, _positive(dollars), rows, BEFORE, share=0.5)
        range_ratio = np.where(usual_range > 0, ranges[rows] / usual_range, 0.0)
    return Surroundings(
        sigma=np.maximum.reduce([np.where(np.isnan(sigma), SIGMA_UNKNOWN, sigma), floor, _tick(series, rows)]),
        range_ratio=range_ratio,
        activity=np.fmin(shares, traded),
    )


def quiet(opening: Floats, closing: Floats, usual: Surroundings) -> Flags:
    """Find the jumps that were not traded: far out of the usual, the range and the volume as ever.

    Of a jump to a third or less one of the two is enough; a threefold open is no market's.

    Parameters
    ----------
    opening, closing : ndarray of float64, shape (k,)
        Log of the open and of the close over the previous close.
    """
    size = np.minimum(np.abs(opening), np.abs(closing))
    far = size >= QUIET_SIGMAS_MIN * usual.sigma
    alike = np.abs(closing - opening) <= np.maximum(DAY_MOVE_MIN, DAY_MOVE_SIGMAS_MAX * usual.sigma)
    narrow, idle = ~(usual.range_ratio > RANGE_MAX), ~(usual.activity > ACTIVITY_MAX)
    large = size >= LARGE_MIN
    untraded: Flags = narrow & idle | large & (narrow | idle | (opening > 0))
    return far & alike & untraded


def _positive(values: Floats) -> Floats:
    return np.where(values > 0, values, np.nan)


def _quantile(
    series: Series, values: Floats, rows: Rows, offsets: Rows, *, share: float, fewest: int = 1
) -> Floats:
    """Give a quantile at offsets from rows within the same symbol; NaN with fewer than `fewest` values."""
    seen = np.sort(_gathered(series, values, rows, offsets), axis=1)  # NaN go last
    count = np.isfinite(seen).sum(axis=1)
    place = share * np.maximum(count - 1, 0)
    low, high = np.floor(place).astype(np.intp), np.ceil(place).astype(np.intp)
    each = np.arange(len(rows))
    between = seen[each, low] + (place - low) * (seen[each, high] - seen[each, low])
    return np.where(count >= fewest, between, np.nan)


def _gathered(series: Series, values: Floats, rows: Rows, offsets: Rows) -> Floats:
    """Give the values at offsets from rows, shape (k, len(offsets)); NaN beyond the symbol's own rows."""
    index = rows[:, None] + offsets
    inside = (index >= 0) & (index < len(values))
    index = np.clip(index, 0, max(len(values) - 1, 0))
    inside &= series.columns[index] == series.columns[rows][:, None]
    out: Floats = np.where(inside, values[index], np.nan)
    return out


def _tick(series: Series, rows: Rows) -> Floats:
    """Give the least step between the prices of the sessions before each row, as a share of the last close."""
    before = _gathered(series, series.prices[:, CLOSE], rows, BEFORE[-1:])[:, 0]
    near = [_gathered(series, series.prices[:, column], rows, BEFORE[-TICK_ROWS:]) for column in range(4)]
    steps = np.diff(np.sort(np.concatenate(near, axis=1), axis=1), axis=1) / before[:, None]
    least = np.where(steps > TICK_PCT_MIN, steps, np.inf).min(axis=1)
    return np.where(np.isfinite(least), least, 0.0)
