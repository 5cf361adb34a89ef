"""One window of a backtest: the strategy beside its benchmarks, and how likely it is luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analysis.curves import simple_returns
from analysis.intervals import Interval, sharpe_interval
from analysis.performance import Performance, compare
from analysis.random_books import RandomBooks, percentile
from analysis.significance import (
    Permutation,
    deflated_sharpe_ratio,
    expected_best_sharpe,
    probabilistic_sharpe_ratio,
    rank_ic_permutation,
    track_record_sessions_min,
)
from analysis.trades import Activity
from backtest.market import YARDSTICK
from backtest.phases import Phases
from backtest.spans import SessionRange
from core.market import Floats
from core.statistics import SESSIONS_PER_YEAR, sharpe_ratios

SHARPES_MIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What was looked at before this result was chosen.

    Attributes
    ----------
    count : int
        Variants, this one among them.
    sharpes : tuple of float
        Annualised Sharpe ratios of those it is known of.
    """

    count: int = 1
    sharpes: tuple[float, ...] = ()

    def variance(self, sessions: int) -> float:
        """Variance of the trials' annualised Sharpe ratios.

        Of two known ones at least; else that of worthless strategies, 252 / sessions (Lo 2002, "The statistics
        of Sharpe ratios", eq. 9, at a Sharpe ratio of 0).
        """
        if len(self.sharpes) < SHARPES_MIN:
            return SESSIONS_PER_YEAR / sessions
        return float(np.var(self.sharpes, ddof=1))


UNSEEN = Trials()
"""What was looked at before a window that nobody had seen: this one alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """Where the strategy stands among books of random names.

    Attributes
    ----------
    percentile : float or None
        Share of the books whose Sharpe ratio is lower, in [0, 100]; None for a flat strategy.
    yardstick_percentile : float or None
        The same of the equal-weight portfolio at its target volatility.
    sharpe_p05, sharpe_median, sharpe_p95 : float
        Of the books' annualised Sharpe ratios.
    """

    books: int
    percentile: float | None
    yardstick_percentile: float | None
    sharpe_p05: float
    sharpe_median: float
    sharpe_p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Significance:
    """How much the Sharpe ratio proves.

    Attributes
    ----------
    interval : Interval or None
        95 % by the stationary bootstrap with blocks of a month, or by formula where that is wider.
    probabilistic, deflated : float or None
        Probability that the true ratio is above 0, and above what the best of the trials shows by luck.
    sharpe_variance : float
        Of the trials' annualised ratios, as assumed for the hurdle.
    hurdle : float
        That best: annualised.
    track_record_sessions_min : int or None
        Sessions needed to show a ratio above 0 at 95 % if the returns go on as they are; None where none would.
    """

    interval: Interval | None
    probabilistic: float | None
    deflated: float | None
    trials: int
    sharpe_variance: float
    hurdle: float
    track_record_sessions_min: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The figures of one window.

    Attributes
    ----------
    first, last : str
        ISO dates of the first and last session whose return counts.
    seen : bool
        Whether any session was looked at when the settings were chosen; what was not is deflated by no trial.
    table : mapping of str to Performance
        `strategy` first, then each benchmark.
    luck, dealt : Luck
        Among random books in equal parts, and among those with the strategy's own weights.
    ranking : Permutation or None
        Of the ranker's out-of-sample predictions made in the window; None without a ranker.
    phases : Phases or None
        The same portfolio rebalanced on every other day; None for what is decided daily.
    """

    name: str
    first: str
    last: str
    seen: bool
    table: Mapping[str, Performance]
    luck: Luck
    dealt: Luck
    significance: Significance
    ranking: Permutation | None
    phases: Phases | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """A run and all that it is compared with, on the same sessions.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
        The first is the session of the first decision; returns count from the second.
    equity : ndarray of float64, shape (T,)
        With the interest on its cash.
    bills : ndarray of float64, shape (T,)
        What cash earned in each session.
    curves : mapping of str to ndarray, shape (T,)
        Benchmarks by name.
    market : str
        The benchmark that alpha and beta refer to.
    activity : Activity
        What was traded, by session.
    closed_on : ndarray of datetime64[D], shape (K,)
        When each round trip of `activity.profits` ended.
    books, dealt : RandomBooks
        Returns (books, T - 1).
    predictions, forward : ndarray of float64, shape (T, N)
        The ranker's prediction at each session, and the return that followed.
    """

    sessions: NDArray[np.datetime64]
    equity: Floats
    bills: Floats
    curves: Mapping[str, Floats]
    market: str
    activity: Activity
    closed_on: NDArray[np.datetime64]
    books: RandomBooks
    dealt: RandomBooks
    predictions: Floats
    forward: Floats


def measure_window(comparison: Comparison, rows: SessionRange, trials: Trials, seed: int) -> Window:
    """Measure one window of a run."""
    curve = slice(rows.first - 1, rows.last + 1)
    equity = comparison.equity[curve]
    bills = comparison.bills[rows.first : rows.last + 1]
    table = compare(
        equity,
        _active(comparison, rows),
        {name: values[curve] for name, values in comparison.curves.items()},
        market=comparison.market,
        yardstick=YARDSTICK,
        bills=bills,
    )
    inside = slice(rows.first, rows.last + 1)
    return Window(
        name=rows.name,
        first=str(comparison.sessions[rows.first]),
        last=str(comparison.sessions[rows.last]),
        seen=rows.seen,
        table=table,
        luck=_luck(comparison, comparison.books, rows, table),
        dealt=_luck(comparison, comparison.dealt, rows, table),
        significance=_significance(
            simple_returns(equity) - bills,
            trials if rows.seen else UNSEEN,
            np.random.default_rng([seed, rows.first]),
        ),
        ranking=rank_ic_permutation(comparison.predictions[inside], comparison.forward[inside]),
    )


def _luck(
    comparison: Comparison, books: RandomBooks, rows: SessionRange, table: Mapping[str, Performance]
) -> Luck:
    excess = books.returns - comparison.bills[1:]
    return place_among(excess, rows, table["strategy"].sharpe, table[YARDSTICK].sharpe)


def place_among(excess: Floats, rows: SessionRange, sharpe: float | None, yardstick: float | None = None) -> Luck:
    """Place Sharpe ratios among those of random books (books, T - 1), all over the bill rate."""
    returns = excess[:, rows.first - 1 : rows.last]
    part = RandomBooks(returns=returns, sharpe=sharpe_ratios(returns))
    low, middle, high = (float(q) for q in np.quantile(part.sharpe, [0.05, 0.5, 0.95]))
    return Luck(
        books=len(part.sharpe),
        percentile=None if sharpe is None else percentile(sharpe, part),
        yardstick_percentile=None if yardstick is None else percentile(yardstick, part),
        sharpe_p05=low,
        sharpe_median=middle,
        sharpe_p95=high,
    )


def _active(comparison: Comparison, rows: SessionRange) -> Activity:
    inside, whole = slice(rows.first, rows.last + 1), comparison.activity
    closed = comparison.closed_on
    ended = (closed >= comparison.sessions[rows.first]) & (closed <= comparison.sessions[rows.last])
    sold = (whole.sale_rows >= rows.first) & (whole.sale_rows <= rows.last)
    return replace(
        whole,
        bought_usd=whole.bought_usd[inside],
        sold_usd=whole.sold_usd[inside],
        cost_usd=whole.cost_usd[inside],
        exposure=whole.exposure[inside],
        profits=whole.profits[ended],
        sale_profits=whole.sale_profits[sold],
        sale_rows=whole.sale_rows[sold],
    )


def _significance(returns: Floats, trials: Trials, rng: np.random.Generator) -> Significance:
    variance = trials.variance(len(returns))
    return Significance(
        interval=sharpe_interval(returns, rng),
        probabilistic=probabilistic_sharpe_ratio(returns),
        deflated=deflated_sharpe_ratio(returns, trials=trials.count, sharpe_variance=variance),
        trials=trials.count,
        sharpe_variance=variance,
        hurdle=expected_best_sharpe(trials=trials.count, sharpe_variance=variance),
        track_record_sessions_min=track_record_sessions_min(returns),
    )
