"""What an agent's scores are worth over a history: rank IC with its interval, and a book against the null."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.holding import Target, hold
from core.statistics import rank_ic, sharpe_ratios
from core.types import BarPanel, Floats

HORIZONS = (1, 5, 21)
DRAWS = 1000
NULL_BOOKS = 500
NAMES_HELD = 8
REBALANCE_SESSIONS = 21
SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class RankSkill:
    """How well the scores ranked what came.

    Attributes
    ----------
    horizon_sessions : int
        From the opening after the score, over so many sessions.
    mean, low, high : float or None
        Mean rank IC of a session and its 95 % interval, in [-1, 1]; None under 60 sessions.
    """

    horizon_sessions: int
    sessions: int
    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioSkill:
    """The best eight by score in equal parts, rebalanced each 21 sessions, among the same book dealt to others.

    Attributes
    ----------
    sharpe : float
        Annual, after costs.
    percentile : float
        Share of the null's books that it is better than, in [0, 1].
    """

    sharpe: float
    percentile: float
    null_median: float
    books: int
    cost_bps: float


def forward_opens(open_: Floats, horizon_sessions: int) -> Floats:
    """Return the return from the next opening over a horizon, shape (T, N); NaN where it is not known."""
    out = np.full(open_.shape, np.nan)
    last = len(open_) - 1 - horizon_sessions
    if last > 0:
        out[:last] = open_[1 + horizon_sessions :] / open_[1 : last + 1] - 1
    return out


def rank_skill(scores: Floats, open_: Floats, horizon_sessions: int) -> RankSkill:
    """Return the mean rank IC with its interval by a moving-block bootstrap over blocks of the horizon.

    Parameters
    ----------
    scores, open_ : ndarray of float64, shape (T, N)
        Scores at each close, NaN where there is none.
    """
    daily = rank_ic(scores, forward_opens(open_, horizon_sessions))
    known = daily[np.isfinite(daily)]
    block = max(5, horizon_sessions)
    if len(known) < max(60, 2 * block):
        return RankSkill(horizon_sessions=horizon_sessions, sessions=len(known), mean=None, low=None, high=None)
    rng = np.random.default_rng(SEED)
    starts = rng.integers(0, len(known) - block + 1, (DRAWS, -(-len(known) // block)))
    sums = np.concatenate([[0.0], np.cumsum(known)])
    means = (sums[starts + block] - sums[starts]).mean(axis=1) / block
    low, high = np.quantile(means, [0.025, 0.975])
    return RankSkill(
        horizon_sessions=horizon_sessions,
        sessions=len(known),
        mean=float(known.mean()),
        low=float(low),
        high=float(high),
    )


def portfolio_skill(
    scores: Floats, panel: BarPanel, columns: list[int], cost_bps: float
) -> PortfolioSkill | None:
    """Return the agent's own book beside the same book with each name dealt to another for good.

    The null trades when the agent's book trades, as many names, as often and at the same costs: what is left is
    which names. None where the scores never fill a book.
    """
    asked = np.isfinite(scores).sum(axis=1) >= NAMES_HELD
    first = int(np.argmax(asked)) + 1
    if not asked.any() or first >= len(scores) - REBALANCE_SESSIONS:
        return None
    rng, count = np.random.default_rng(SEED), scores.shape[1]
    dealt = np.array([np.arange(count), *(rng.permutation(count) for _ in range(NULL_BOOKS))])
    targets, last = [], -REBALANCE_SESSIONS
    for row in np.flatnonzero(asked[:-1]):
        if row - last < REBALANCE_SESSIONS:
            continue
        last = int(row)
        order = np.argsort(-np.where(np.isfinite(scores[row]), scores[row], -np.inf), kind="stable")
        weights = np.zeros(dealt.shape)
        np.put_along_axis(weights, dealt[:, order[:NAMES_HELD]], 1.0 / NAMES_HELD, axis=1)
        targets.append(Target(last, weights))
    returns = hold(
        panel.open[:, columns], panel.close[:, columns], targets,
        portfolios=len(dealt), first=first, cost_bps=cost_bps,
    )  # fmt: skip
    sharpes = sharpe_ratios(returns)
    own, null = float(sharpes[0]), sharpes[1:]
    return PortfolioSkill(
        sharpe=own,
        percentile=float((null < own).mean()),
        null_median=float(np.median(null)),
        books=NULL_BOOKS,
        cost_bps=cost_bps,
    )
