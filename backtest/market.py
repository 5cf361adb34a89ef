"""What a backtest could have bought, and what it is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.holding import filled_forward
from analysis.random_books import equal_weight
from core.market import Floats

SCALED_VOLATILITY = 0.12
YARDSTICK = f"equal weight at {SCALED_VOLATILITY:.0%} volatility"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """The universe and its benchmark on the panel's sessions, up to the backtest's last one.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
    open, close : ndarray of float64, shape (T, N)
        Total-return prices of the stocks, NaN where there is no bar.
    symbols : tuple of str, length N
    bills : ndarray of float64, shape (T,)
        What cash earns in each session: the strategy's, the benchmarks' and the random books' alike.
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
    symbols: tuple[str, ...]
    bills: Floats
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
    exposure_max : float or None
        For a strategy that scales itself to a volatility, as the books then are, at most to this exposure; None
        where it does not: the books are invested as it is.
    position_max, resize_min : float
        The strategy's limits, as shares of equity: what one name may be, and by how much it must be off what is
        wanted before it is traded.
    seed : int
    """

    books: int
    exposure_max: float | None
    position_max: float
    resize_min: float
    seed: int

    @property
    def description(self) -> str:
        """The random books in a sentence."""
        invested = "invested as the strategy is"
        if self.exposure_max is not None:
            invested = "scaled to the volatility that the strategy had"
        return (
            f"{self.books} books that trade when the strategy trades, as many names as it, each dealt to one "
            f"drawn at random until it is sold, in equal parts, {invested}, resized by its rule as each drifts, "
            "at its costs; and as many that hold its own weights, dealt in the same way"
        )


def benchmark_curves(market: Market) -> Mapping[str, Floats]:
    """Return curves (T - first + 1,), each from 1: the index bought and held, and the equal-weight portfolios.

    The equal-weight portfolios pay the strategy's costs and their cash earns the bill rate; the index fund pays
    nothing.
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
            bills=market.bills,
        )
        for target in (np.inf, SCALED_VOLATILITY)
    )
    return {
        market.benchmark: held / held[0],
        "equal weight": _curve(even),
        YARDSTICK: _curve(scaled),
    }


def _curve(returns: Floats) -> Floats:
    return np.append(1.0, np.cumprod(1.0 + returns))
