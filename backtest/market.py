"""What a backtest could have bought, and what it is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.holding import filled_forward
from analysis.random_books import PortfolioLimits, equal_weight
from core.market import Floats

SCALED_VOLATILITY = 0.12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """The universe and its benchmark on the panel's sessions, up to the backtest's last one.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
    open, close : ndarray of float64, shape (T, N)
        Total-return prices of the stocks, NaN where there is no bar.
    sectors : tuple of str, length N
        The sector of each column.
    benchmark : str
        Name of the index fund.
    benchmark_close : ndarray of float64, shape (T,)
    first : int
        The first session whose return counts; the strategy's first decision lies one before it.
    cost_bps : float
        Cost of a one-way trade, the strategy's and the benchmarks' alike.
    member : ndarray of bool, shape (T, N), or None
        Which stocks were in the universe at each session; None for all, always.
    """

    sessions: NDArray[np.datetime64]
    open: Floats
    close: Floats
    sectors: tuple[str, ...]
    benchmark: str
    benchmark_close: Floats
    first: int
    cost_bps: float
    member: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """The random books a strategy is placed among.

    Attributes
    ----------
    books : int
        How many.
    limits : PortfolioLimits
        What each keeps to, the strategy's own costs among them.
    seed : int
    """

    books: int
    limits: PortfolioLimits
    seed: int

    @property
    def description(self) -> str:
        """The random books in a sentence."""
        held = f"{self.books} books of {self.limits.names} names picked at random each month, one a sector, "
        size = f"inverse volatility, at most {self.limits.exposure_max:.0%} invested"
        scale = self.limits.target_volatility
        scaled = f", scaled to {scale:.0%} volatility" if np.isfinite(scale) else ""
        return f"{held}{size}{scaled}, {self.limits.cost_bps:g} bps a trade"


def benchmark_curves(market: Market) -> Mapping[str, Floats]:
    """Return curves (T - first + 1,), each from 1: the index bought and held, and the equal-weight portfolios.

    The equal-weight portfolios pay the strategy's costs; the index fund pays nothing.
    """
    held = filled_forward(market.benchmark_close[:, None])[market.first - 1 :, 0]
    even, scaled = (
        equal_weight(
            market.open,
            market.close,
            first=market.first,
            target_volatility=target,
            cost_bps=market.cost_bps,
            member=market.member,
        )
        for target in (np.inf, SCALED_VOLATILITY)
    )
    return {
        market.benchmark: held / held[0],
        "equal weight": _curve(even),
        f"equal weight at {SCALED_VOLATILITY:.0%} volatility": _curve(scaled),
    }


def _curve(returns: Floats) -> Floats:
    return np.append(1.0, np.cumprod(1.0 + returns))
