"""What a strategy made, at what risk and cost, with the same figures for what it is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from analysis.curves import (
    checked_curve,
    growth_per_year,
    regress,
    simple_returns,
    sortino,
    volatility,
    worst_drawdown,
)
from analysis.trades import Activity
from core.errors import InvariantError
from core.market import Floats
from core.statistics import SESSIONS_PER_YEAR, sharpe_ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """One curve's figures; never NaN, None where a figure is not defined.

    Attributes
    ----------
    sessions : int
        Returns counted, one less than the curve's values.
    total_return : float
        Last value over first, less 1.
    cagr : float or None
        Compound annual growth, 252 sessions a year; None under 21 sessions.
    volatility : float or None
        Annualised sample deviation of the daily returns; None under two returns.
    sharpe : float or None
        Annualised, over the bill rate; None without variance.
    sortino : float or None
        Annualised, over the bill rate; None without a session below it.
    drawdown_max : float
        Deepest fall below a peak, in [-1, 0].
    drawdown_sessions_max : int
        Most sessions in a row below the last peak, recovered or not.
    alpha, beta : float or None
        The regression of the daily returns on the market's, both over the bill rate: intercept, annualised, and
        slope; None when the market did not move. Alpha is no excess return: what rose half as much as the
        market at a quarter of its risk has a positive one.
    excess_return : float or None
        Growth a year less the market's; None under 21 sessions.
    excess_over_yardstick : float or None
        Growth a year less that of the equal-weight portfolio at the target volatility.
    trades : int or None
        Closed round trips. This and all below are None for a benchmark, whose trades are not followed.
    win_rate : float or None
        Share of closed round trips with a profit above 0 after costs, in [0, 1]; None without trades.
    sales : int or None
        Sales, of which several can belong to one round trip.
    sale_win_rate : float or None
        Share of sales that brought more, after fees, than the shares sold had cost on average, in [0, 1].
    payoff_ratio : float or None
        Mean winning over mean losing profit, each after fees over its cost with fees; None without both.
    turnover_per_year : float or None
        One-sided: half of all value bought and sold, over mean equity, times 252 over the sessions.
        1.0 means the whole portfolio was replaced once a year.
    exposure_mean : float or None
        Mean share of equity in positions at the close.
    cost_usd : float or None
        Fees, spread and slippage paid.
    """

    sessions: int
    total_return: float
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    drawdown_max: float
    drawdown_sessions_max: int
    alpha: float | None
    beta: float | None
    excess_return: float | None = None
    excess_over_yardstick: float | None = None
    trades: int | None = None
    win_rate: float | None = None
    sales: int | None = None
    sale_win_rate: float | None = None
    payoff_ratio: float | None = None
    turnover_per_year: float | None = None
    exposure_mean: float | None = None
    cost_usd: float | None = None


def measure_curve(equity: Floats, market: Floats, bills: Floats | None = None) -> Performance:
    """Measure a curve (T,) whose trades are not followed against the market's curve of the same sessions.

    Parameters
    ----------
    bills : ndarray of float64, shape (T - 1,), or None
        What cash earned in each session after the first; None for nothing.
    """
    curve, index = checked_curve(equity), checked_curve(market)
    if len(curve) != len(index):
        raise InvariantError(f"{len(curve)} sessions against {len(index)} of the market: align them first.")
    returns = simple_returns(curve)
    paid = np.zeros(len(returns)) if bills is None else bills
    fall, line = worst_drawdown(curve), regress(returns - paid, simple_returns(index) - paid)
    growth = growth_per_year(curve)
    return Performance(
        sessions=len(returns),
        total_return=float(curve[-1] / curve[0] - 1.0),
        cagr=growth,
        volatility=volatility(returns),
        sharpe=sharpe_ratio(returns - paid),
        sortino=sortino(returns - paid),
        drawdown_max=fall.depth,
        drawdown_sessions_max=fall.sessions,
        alpha=line.alpha if line else None,
        beta=line.beta if line else None,
        excess_return=_less(growth, growth_per_year(index)),
    )


def measure_strategy(
    equity: Floats, market: Floats, activity: Activity, bills: Floats | None = None
) -> Performance:
    """Measure a strategy's curve (T,), with what it traded, against the market's curve (T,)."""
    figures = measure_curve(equity, market, bills)
    profits, sessions = activity.profits, figures.sessions
    wins, losses = profits[profits > 0], profits[profits < 0]
    one_sided_usd = float(activity.bought_usd.sum() + activity.sold_usd.sum()) / 2
    turnover = one_sided_usd / float(np.mean(equity)) * SESSIONS_PER_YEAR / sessions if sessions else None
    return replace(
        figures,
        trades=len(profits),
        win_rate=len(wins) / len(profits) if len(profits) else None,
        sales=len(activity.sale_profits),
        sale_win_rate=float(np.mean(activity.sale_profits > 0)) if len(activity.sale_profits) else None,
        payoff_ratio=float(wins.mean() / -losses.mean()) if len(wins) and len(losses) else None,
        turnover_per_year=turnover,
        exposure_mean=float(np.mean(activity.exposure)) if len(activity.exposure) else None,
        cost_usd=float(activity.cost_usd.sum()),
    )


def compare(
    equity: Floats,
    activity: Activity,
    benchmarks: Mapping[str, Floats],
    *,
    market: str = "SPY",
    yardstick: str = "",
    bills: Floats | None = None,
) -> Mapping[str, Performance]:
    """Measure the strategy and each benchmark over the same sessions.

    Parameters
    ----------
    benchmarks : mapping of str to ndarray, shape (T,)
        Curves by name; one of them is the `market` that alpha and beta refer to, one may be the `yardstick`.

    Returns
    -------
    mapping of str to Performance
        `strategy` first, then the benchmarks in the order given.
    """
    if market not in benchmarks:
        raise InvariantError(f"The market {market} is not among the benchmarks {list(benchmarks)}.")
    index = benchmarks[market]
    table = {"strategy": measure_strategy(equity, index, activity, bills)}
    table |= {name: measure_curve(curve, index, bills) for name, curve in benchmarks.items()}
    if yardstick not in table:
        return table
    plain = table[yardstick].cagr
    return {name: replace(one, excess_over_yardstick=_less(one.cagr, plain)) for name, one in table.items()}


def _less(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other
