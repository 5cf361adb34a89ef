"""How much of a periodically rebalanced portfolio's result depends on the day of rebalancing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from analysis.holding import Target, hold
from backtest.market import Market
from backtest.spans import SessionRange
from core.market import Floats
from core.statistics import sharpe_ratios


class Range(NamedTuple):
    """The lowest, the middle and the highest of the same portfolio's figures."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Phases:
    """The same rule begun on each day of its period.

    Attributes
    ----------
    books : int
        Portfolios, one for each day of the period.
    total_return, sharpe : Range
    """

    books: int
    total_return: Range
    sharpe: Range


def phase_returns(market: Market, scores: Floats, *, names: int, every: int, exposure: float) -> Floats:
    """Return the daily returns (every, T - first) of holding the best by score, rebalanced on every day's phase.

    Parameters
    ----------
    scores : ndarray of float64, shape (T - first + 1, N)
        At each close from `market.first` - 1 on; NaN is never held.
    exposure : float
        Share of equity that is invested.
    """
    return hold(
        market.open,
        market.close,
        _targets(market.first, scores, names, every, exposure),
        portfolios=every,
        first=market.first,
        cost_bps=market.cost_bps,
        bills=market.bills,
    )


def spread_of(returns: Floats, bills: Floats, rows: SessionRange) -> Phases:
    """Sum up a window of the phases' returns (phases, T - 1), the Sharpe ratio over the bills' (T - 1,)."""
    part = returns[:, rows.first - 1 : rows.last]
    return Phases(
        books=len(part),
        total_return=_range(np.prod(1.0 + part, axis=1) - 1.0),
        sharpe=_range(sharpe_ratios(part - bills[rows.first - 1 : rows.last])),
    )


def _targets(first: int, scores: Floats, names: int, every: int, exposure: float) -> Iterator[Target]:
    for since, today in enumerate(scores[:-1]):
        weights = np.full((every, scores.shape[1]), np.nan)
        known = np.flatnonzero(np.isfinite(today))
        best = known[np.argsort(-today[known], kind="stable")[:names]]
        if len(best):
            weights[since % every] = 0.0
            weights[since % every, best] = exposure / names
        yield Target(first - 1 + since, weights)


def _range(values: Floats) -> Range:
    low, middle, high = np.quantile(values, [0.0, 0.5, 1.0])
    return Range(float(low), float(middle), float(high))
