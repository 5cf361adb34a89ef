"""Hold portfolios of target weights through history: many at once, after costs, nothing known early."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.linear_algebra import one_thread
from core.market import Floats

COST_ROUNDS = 5  # each round shrinks the error of the cost by cost_bps / 1e4


class Target(NamedTuple):
    """What the portfolios should hold, decided at the close of `row`.

    Attributes
    ----------
    weights : ndarray of float64, shape (B, N)
        Shares of equity, summing to at most 1; a row of NaN leaves that portfolio as it is.
    resize_min : float or None
        None: traded to the weights at the open. A number: ordered at the close, as an engine orders, so that how
        many shares make up a weight is fixed there; and what is held and stays is traded only where that moves
        at least this share of the portfolio's equity.
    """

    row: int
    weights: Floats
    resize_min: float | None = None


def filled_forward(prices: Floats) -> Floats:
    """Carry each column's last known price over its gaps; NaN before its first, shape (T, N)."""
    row = np.where(np.isfinite(prices), np.arange(len(prices))[:, None], 0)
    return np.take_along_axis(prices, np.maximum.accumulate(row, axis=0), axis=0)


def month_ends(sessions: NDArray[np.datetime64]) -> NDArray[np.intp]:
    """Rows of each calendar month's last session; the last row is none, its month may go on."""
    months = sessions.astype("datetime64[M]").astype(int)
    return np.flatnonzero(months[1:] != months[:-1])


@one_thread()
def hold(
    open_: Floats,
    close: Floats,
    targets: Iterable[Target],
    *,
    portfolios: int,
    first: int,
    cost_bps: float,
    bills: Floats | None = None,
) -> Floats:
    """Return the daily returns of B portfolios that trade to their targets at the next session's open.

    Between trades the shares stand still and the weights drift. A name without a price at that open
    keeps its shares; a missing close is valued at the last one. Every dollar traded pays the cost, out of
    the portfolio: holdings and cash add up to the equity before less the cost.

    Parameters
    ----------
    open_, close : ndarray of float64, shape (T, N)
        Total-return prices, NaN where there is no bar.
    targets : iterable of Target
        Rows ascending, in [first - 1, T - 2].
    first : int
        First session that counts; the portfolios are cash before.
    cost_bps : float
        Cost of a one-way trade in basis points of its value.
    bills : ndarray of float64, shape (T,), or None
        What cash at the close before earns in each session; None for nothing.

    Returns
    -------
    ndarray of float64, shape (B, T - first)
    """
    known = np.nan_to_num(filled_forward(close))
    grown = np.ones(len(close)) if bills is None else np.cumprod(1.0 + bills)
    shares, cash = np.zeros((portfolios, close.shape[1])), np.ones(portfolios) / grown[first - 1]
    spans, valued = [], first - 1
    for row, weights, resize_min in targets:
        spans.append(np.outer(cash, grown[valued : row + 1]) + shares @ known[valued : row + 1].T)
        valued = row + 1
        price = _prices(open_[valued], known[row])
        goal = weights
        if resize_min is not None:
            ordered = _ordered(shares, cash * grown[row], weights, known[row], resize_min)
            goal = ordered * price.price / (cash * grown[valued] + shares @ price.price)[:, None]
        shares, cash = _trade(shares, cash * grown[valued], goal, price, cost_bps / 1e4)
        cash /= grown[valued]
    spans.append(np.outer(cash, grown[valued:]) + shares @ known[valued:].T)
    equity = np.concatenate(spans, axis=1)
    return np.asarray(equity[:, 1:] / equity[:, :-1] - 1.0)


class _Prices(NamedTuple):
    """What each name can be traded or valued at, (N,), and whether it can be traded."""

    price: Floats
    tradable: NDArray[np.bool_]


def _prices(opens: Floats, last_close: Floats) -> _Prices:
    tradable = np.isfinite(opens)
    return _Prices(np.where(tradable, opens, last_close), tradable)


def _ordered(shares: Floats, cash: Floats, weights: Floats, close: Floats, resize_min: float) -> Floats:
    """Return how many shares (B, N) make up the weights at a close; NaN where too little would move."""
    values = shares * close
    equity = (cash + values.sum(axis=1))[:, None]
    stays = (values > 0) & (weights > 0) & (np.abs(weights * equity - values) < resize_min * equity)
    counts = np.divide(weights * equity, close, out=np.full(weights.shape, np.nan), where=~stays & (close > 0))
    return np.asarray(counts)


def _trade(shares: Floats, cash: Floats, weights: Floats, market: _Prices, cost: float) -> tuple[Floats, Floats]:
    """Trade the portfolios that have weights; return new shares (B, N) and cash (B,)."""
    due = np.flatnonzero(np.isfinite(weights).any(axis=1))
    moves = market.tradable & np.isfinite(weights[due])
    values = shares[due] * market.price
    before = cash[due] + values.sum(axis=1)
    goal, wanted, paid = np.where(moves, weights[due], 0.0), values, np.zeros(len(due))
    for _ in range(COST_ROUNDS):
        wanted = np.where(moves, goal * (before - paid)[:, None], values)
        paid = cost * np.abs(wanted - values).sum(axis=1)
    shares, cash = shares.copy(), cash.copy()
    shares[due] = np.where(moves, wanted / np.where(market.tradable, market.price, 1.0), shares[due])
    cash[due] = before - paid - wanted.sum(axis=1)
    return shares, cash
