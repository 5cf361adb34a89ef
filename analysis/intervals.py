"""Intervals of the Sharpe ratio: by formula, by the stationary bootstrap, and wide enough with few returns."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from analysis.significance import shape_of
from core.market import Floats
from core.statistics import SESSIONS_PER_YEAR, VOLATILITY_MIN, sharpe_ratios


class Interval(NamedTuple):
    """A percentile interval."""

    low: float
    high: float


def stationary_rows(
    sessions: int, *, resamples: int, block_sessions_mean: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw row numbers for the stationary bootstrap, shape (resamples, sessions).

    Blocks start anywhere, run on around the end, and have geometric lengths with the given mean
    (Politis & Romano 1994, "The stationary bootstrap", section 2).
    """
    shape = (resamples, sessions)
    begins = rng.random(shape) < 1.0 / block_sessions_mean
    begins[:, 0] = True
    starts = rng.integers(0, sessions, size=shape)
    column = np.arange(sessions)
    began = np.maximum.accumulate(np.where(begins, column, 0), axis=1)
    rows = (np.take_along_axis(starts, began, axis=1) + column - began) % sessions
    return cast(NDArray[np.int64], rows)


def long_run_variance_ratio(returns: Floats) -> float:
    """Return how much larger the variance of the mean is for autocorrelation; never below 1.

    1 + 2 sum (1 - k / (L + 1)) r_k over L lags, L = 4 (T / 100)^(2/9) (Newey & West 1987, 1994).
    """
    centred, count = returns - returns.mean(), len(returns)
    variance = float(centred @ centred)
    lags = min(int(4 * (count / 100) ** (2 / 9)), count - 2)
    if variance <= 0 or lags < 1:
        return 1.0
    weighted = sum((1 - k / (lags + 1)) * float(centred[k:] @ centred[:-k]) for k in range(1, lags + 1))
    return max(1.0, 1.0 + 2.0 * weighted / variance)


def t_quantile(count: int, confidence: float) -> float:
    """Return how many standard errors a two-sided interval of a mean of `count` values reaches (Student's t)."""
    from scipy.stats import t  # noqa: PLC0415  # heavy: imported at first use

    return float(t.ppf((1 + confidence) / 2, count - 1))


def ratio_interval(returns: Floats, *, confidence: float = 0.95) -> Interval | None:
    """Interval of the Sharpe ratio a session, for returns of any shape (Mertens 2002), by Student's t.

    Wider where returns follow one another, as much as the variance of their mean is larger then.

    Returns
    -------
    Interval or None
        None under three returns or without variance.
    """
    shape = shape_of(returns)
    if shape is None:
        return None
    spread = max(shape.spread, 0.0) * long_run_variance_ratio(returns)
    error = t_quantile(len(returns), confidence) * float(np.sqrt(spread / (shape.sessions - 1)))
    return Interval(shape.ratio - error, shape.ratio + error)


def sharpe_interval(
    returns: Floats,
    rng: np.random.Generator,
    *,
    resamples: int = 2000,
    block_sessions_mean: float = 21.0,
    confidence: float = 0.95,
) -> Interval | None:
    """Interval of the annualised Sharpe ratio: percentiles of the stationary bootstrap, or `ratio_interval`.

    At either end the one that reaches further. Of few blocks the bootstrap alone claims too much: with a year of
    returns without edge its 95 % held 0 in 90 of 100 cases, with fifty returns in 80.

    Parameters
    ----------
    returns : ndarray of float64, shape (T,)
        Daily returns.
    block_sessions_mean : float
        At least 1; a month keeps the clustering of volatility.

    Returns
    -------
    Interval or None
        None under two blocks of returns or without variance.
    """
    if len(returns) < 2 * block_sessions_mean or returns.std(ddof=1) <= VOLATILITY_MIN:
        return None
    rows = stationary_rows(len(returns), resamples=resamples, block_sessions_mean=block_sessions_mean, rng=rng)
    tail = (1 - confidence) / 2
    low, high = np.quantile(sharpe_ratios(returns[rows]), [tail, 1 - tail])
    formula, year = ratio_interval(returns, confidence=confidence), float(np.sqrt(SESSIONS_PER_YEAR))
    if formula is None:
        return Interval(float(low), float(high))
    return Interval(min(float(low), formula.low * year), max(float(high), formula.high * year))


def overlapping_mean_interval(
    values: Floats,
    overlap_sessions: int,
    rng: np.random.Generator,
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval | None:
    """Interval of the mean of values that share their days, such as each session's return over the next month.

    Percentiles of the stationary bootstrap in blocks of twice the overlap, or Student's t with as many values as
    would not overlap; at either end the one that reaches further. Of a year of monthly returns the bootstrap
    alone held the truth in 79 of 100 cases.

    Parameters
    ----------
    values : ndarray of float64, shape (T,)
    overlap_sessions : int
        How many neighbours share a day.

    Returns
    -------
    Interval or None
        None under two blocks.
    """
    block = 2 * overlap_sessions
    if len(values) < 2 * block:
        return None
    rows = stationary_rows(len(values), resamples=resamples, block_sessions_mean=block, rng=rng)
    tail = (1 - confidence) / 2
    low, high = np.quantile(values[rows].mean(axis=1), [tail, 1 - tail])
    apart = len(values) // overlap_sessions
    error = t_quantile(apart, confidence) * float(values.std(ddof=1)) / apart**0.5
    mean = float(values.mean())
    return Interval(min(float(low), mean - error), max(float(high), mean + error))
