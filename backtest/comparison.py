"""A run beside all that it is compared with: benchmarks, and random books of its own trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.bill_rate import with_interest
from analysis.random_books import Holdings, RandomBooks, Sizes, equal_shares, own_shares, random_books
from analysis.trades import activity_of, round_trips
from backtest.market import Market, Null, benchmark_curves
from backtest.runner import Run
from backtest.windows import Comparison
from core.market import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """The ranker's predictions out of sample.

    Attributes
    ----------
    margin, probability, forward : ndarray of float64, shape (T, N)
        At each session of the run: log-odds, calibrated probability, and the return that followed.
    """

    margin: Floats
    probability: Floats
    forward: Floats
    threshold: float


def comparison_of(run: Run, market: Market, ranking: Ranking, null: Null, *, slippage_bps: float) -> Comparison:
    """Compare a run with the benchmarks and the random books of the same sessions."""
    bills = market.bills[market.first - 1 :]
    equal, own = (
        _books(run, market, null, sizes) for sizes in (equal_shares(market.close, null.exposure_max), own_shares)
    )
    return Comparison(
        sessions=run.sessions,
        equity=with_interest(run.equity, run.exposure, bills),
        bills=bills,
        curves=benchmark_curves(market),
        market=market.benchmark,
        activity=activity_of(run.fills, run.sessions, run.exposure, slippage_bps=slippage_bps),
        closed_on=np.array([one.exit_at.date() for one in round_trips(run.fills)], dtype="datetime64[D]"),
        books=equal,
        dealt=own,
        predictions=ranking.margin,
        forward=ranking.forward,
    )


def holdings_of(run: Run, symbols: Sequence[str], null: Null) -> Holdings:
    """Lay what a run held, wanted and traded out over the columns of the universe."""
    column = {symbol: place for place, symbol in enumerate(symbols)}
    held = _laid_out(run.holdings, column, 0.0)
    traded = np.zeros(held.shape, dtype=np.bool_)
    days = np.array([fill.at.date() for fill in run.fills], dtype="datetime64[D]")
    for fill, row in zip(run.fills, np.searchsorted(run.sessions, days).tolist(), strict=True):
        if fill.symbol in column and row < len(held):
            traded[row, column[fill.symbol]] = True
    wanted = np.minimum(_laid_out(run.wanted, column, np.nan), null.position_max) if any(run.wanted) else None
    return Holdings(held=held, traded=traded, wanted=wanted, resize_min=null.resize_min)


def _laid_out(shares: Sequence[Mapping[str, float]], column: Mapping[str, int], absent: float) -> Floats:
    """Return shares of equity by session as an array (T, N)."""
    out = np.full((len(shares), len(column)), absent)
    for row, named in enumerate(shares):
        for symbol, share in named.items():
            if symbol in column:
                out[row, column[symbol]] = share
    return out


def _books(run: Run, market: Market, null: Null, sizes: Sizes) -> RandomBooks:
    return random_books(
        market.open,
        market.close,
        holdings_of(run, market.symbols, null),
        sizes,
        np.random.default_rng(null.seed),
        first=market.first,
        books=null.books,
        cost_bps=market.cost_bps,
        bills=market.bills,
        member=market.member,
    )
