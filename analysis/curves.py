"""An equity curve's figures: growth, risk, drawdown, and its regression on the market."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import InvariantError
from core.market import Floats
from core.statistics import SESSIONS_PER_YEAR, VOLATILITY_MIN

ANNUALISED_SESSIONS_MIN = 21


class Drawdown(NamedTuple):
    """The deepest fall, a fraction in [-1, 0], and the longest time below a peak, in sessions."""

    depth: float
    sessions: int


class DrawdownPeriod(NamedTuple):
    """One time below a peak, by rows of the curve.

    Attributes
    ----------
    peak, trough : int
        Where it began, and where it was deepest.
    recovered : int or None
        Where the peak was reached again; None where it never was.
    depth : float
        A fraction in [-1, 0).
    """

    peak: int
    trough: int
    recovered: int | None
    depth: float


class Regression(NamedTuple):
    """Annualised intercept and slope of the returns on the market's returns."""

    alpha: float
    beta: float


class MonthlyReturns(NamedTuple):
    """Returns by calendar month.

    Attributes
    ----------
    years : tuple of int, length Y
        Ascending.
    table : tuple of Y tuples of 12 float or None
        Fractions; None where the curve has no session in that month.
    totals : tuple of float, length Y
        The year's return, a fraction (of the part of the year that the curve covers).
    """

    years: tuple[int, ...]
    table: tuple[tuple[float | None, ...], ...]
    totals: tuple[float, ...]


def checked_curve(equity: Floats) -> Floats:
    """Return the curve as float64 (T,), T >= 1; InvariantError when it is not finite or starts at 0 or less."""
    curve = np.asarray(equity, dtype=np.float64)
    if curve.ndim != 1 or len(curve) == 0 or not np.isfinite(curve).all() or curve[0] <= 0 or curve.min() < 0:
        raise InvariantError("The equity curve must be one row of finite values >= 0 that starts above 0.")
    return curve


def simple_returns(equity: Floats) -> Floats:
    """Return the curve's T - 1 simple returns; 0 after a total loss."""
    before, after = equity[:-1], equity[1:]
    return np.divide(after, before, out=np.ones_like(after), where=before > 0) - 1.0


def growth_per_year(equity: Floats) -> float | None:
    """Compound annual growth, 252 sessions a year; None under 21 sessions, where it says nothing."""
    sessions = len(equity) - 1
    if sessions < ANNUALISED_SESSIONS_MIN:
        return None
    return float((equity[-1] / equity[0]) ** (SESSIONS_PER_YEAR / sessions) - 1.0)


def volatility(returns: Floats) -> float | None:
    """Annualised sample deviation of daily returns; None under two returns."""
    return float(returns.std(ddof=1) * np.sqrt(SESSIONS_PER_YEAR)) if len(returns) > 1 else None


def sortino(returns: Floats) -> float | None:
    """Annualised mean over downside deviation about 0 (Sortino & Price 1994); None without a loss."""
    if len(returns) < 2:
        return None
    downside = np.sqrt(np.mean(np.minimum(returns, 0.0) ** 2))
    if downside <= VOLATILITY_MIN:
        return None
    return float(returns.mean() / downside * np.sqrt(SESSIONS_PER_YEAR))


def drawdowns(equity: Floats) -> Floats:
    """Distance of each session below the peak so far, a fraction in [-1, 0], shape (T,)."""
    return equity / np.maximum.accumulate(equity) - 1.0


def worst_drawdown(equity: Floats) -> Drawdown:
    """Deepest fall, and the most sessions in a row spent below the last peak (recovered or not)."""
    below = drawdowns(equity)
    row = np.arange(len(below))
    last_peak = np.maximum.accumulate(np.where(below < 0, 0, row))
    return Drawdown(float(below.min()), int((row - last_peak).max()))


def drawdown_periods(equity: Floats) -> tuple[DrawdownPeriod, ...]:
    """Return each time that was spent below a peak, the deepest first."""
    below = drawdowns(equity)
    under = np.concatenate([[False], below < 0, [False]])
    edges = np.flatnonzero(np.diff(under.astype(int))).reshape(-1, 2)
    found = [
        DrawdownPeriod(
            peak=int(start) - 1,
            trough=int(start + below[start:end].argmin()),
            recovered=int(end) if end < len(below) else None,
            depth=float(below[start:end].min()),
        )
        for start, end in edges
    ]
    return tuple(sorted(found, key=lambda period: period.depth))


def regress(returns: Floats, market: Floats) -> Regression | None:
    """Ordinary least squares on the market's returns of the same sessions; None if that cannot be fitted.

    Alpha is the daily intercept times 252 (Jensen 1968, where both returns are over the riskless rate).
    """
    if len(returns) != len(market):
        raise InvariantError(f"{len(returns)} returns against {len(market)} of the market: align them first.")
    if len(returns) < 3 or market.std() <= VOLATILITY_MIN:
        return None
    centred = market - market.mean()
    beta = float(centred @ (returns - returns.mean()) / (centred @ centred))
    return Regression(float(returns.mean() - beta * market.mean()) * SESSIONS_PER_YEAR, beta)


def monthly_returns(equity: Floats, sessions: NDArray[np.datetime64]) -> MonthlyReturns:
    """Return the return of each month and year of a curve (T,) dated by `sessions` (T,).

    The first month counts from the curve's first value, every other from the close of the month before. A
    first month of one session has no return and is left out.
    """
    curve = checked_curve(equity)
    months = sessions.astype("datetime64[M]").astype(int)
    last = np.flatnonzero(np.append(months[1:] != months[:-1], True))
    last = last[last > 0]
    if not len(last):
        return MonthlyReturns((), (), ())
    before = np.append(curve[0], curve[last[:-1]])
    change = np.divide(curve[last], before, out=np.ones(len(last)), where=before > 0) - 1.0
    cells = {divmod(int(month) + 1970 * 12, 12): float(r) for month, r in zip(months[last], change, strict=True)}
    years = tuple(sorted({year for year, _ in cells}))
    table = tuple(tuple(cells.get((year, month)) for month in range(12)) for year in years)
    totals = tuple(float(np.prod([1 + r for r in row if r is not None]) - 1) for row in table)
    return MonthlyReturns(years, table, totals)
