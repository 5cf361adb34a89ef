"""The diversified portfolio: the stocks that move least together, scaled to a volatility.

Weights minimise w'Cw over the simplex, C the shrunk correlation of daily returns (the maximum decorrelation
portfolio, Christoffersen, Errunza, Jacobs and Langlois 2012); C = 1 would be equal weight. The correlation is of
ranks (Spearman 1904): by the returns themselves one jump makes a stock look uncorrelated for as long as it is in
the window, and the portfolio would buy what has just crashed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from config.allocation import DiversifiedSettings
from core.statistics import SESSIONS_PER_YEAR
from core.types import Floats

SOLVED_AT_ONCE = 600  # a few hundred stocks cost milliseconds, 3,000 seconds
GRADIENT_ERROR_MAX = 1e-9


def portfolio_weights(close: Floats, settings: DiversifiedSettings) -> Floats:
    """Return the weights of the portfolio from closes.

    Parameters
    ----------
    close : ndarray of float64, shape (L + 1, N)
        The last closes, L the longest lookback; a stock without a full lookback is left out of that one.

    Returns
    -------
    ndarray of float64, shape (N,)
        Shares of equity, summing to at most 1; 0 for a stock that has stopped moving.
    """
    total = np.zeros(close.shape[1])
    recent = close[-settings.volatility_sessions :] / close[-settings.volatility_sessions - 1 : -1] - 1
    moving = has_moved(recent, settings.typical_move_min)
    for lookback in settings.lookback_sessions:
        returns = close[-lookback:] / close[-lookback - 1 : -1] - 1.0
        full = moving & np.isfinite(returns).all(axis=0) & (returns.std(axis=0) > 0)
        if full.any():
            total[full] += least_correlated(returns[:, full], settings.shrinkage)
    total /= len(settings.lookback_sessions)
    volatility = (np.nan_to_num(recent) @ total).std(ddof=1) * np.sqrt(SESSIONS_PER_YEAR)
    scale = min(1.0, settings.target_volatility_pct / volatility) if volatility > 0 else 0.0
    return np.asarray(total * scale)


def has_moved(returns: Floats, typical_move_min: float) -> NDArray[np.bool_]:
    """Return which stocks still move; one at its takeover's offer looks uncorrelated and is a bet on a deal.

    Parameters
    ----------
    returns : ndarray of float64, shape (L, N)
        The last daily returns.
    typical_move_min : float
        A stock's typical move (its median absolute return, which no jump changes) must be above this share of the
        median stock's.

    Returns
    -------
    ndarray of bool, shape (N,)
        False for a stock with a gap.
    """
    full = np.isfinite(returns).all(axis=0)
    typical = np.median(np.abs(np.nan_to_num(returns)), axis=0)
    middle = float(np.median(typical[full])) if full.any() else 0.0
    return np.asarray(full & (typical > typical_move_min * middle))


def least_correlated(returns: Floats, shrinkage: float, at_once: int = SOLVED_AT_ONCE) -> Floats:
    """Give the weights (N,) over the simplex that minimise w'Cw, exactly, by non-negative least squares.

    With C = KK' the stationary point of y'Cy/2 - 1'y over y >= 0 solves min ||K'y - K^-1 1||; w = y / sum(y).
    The solution of some stocks is that of all where no other's gradient, (Cy)_j - 1, is negative: so thousands
    are solved by the few that matter.

    Parameters
    ----------
    returns : ndarray of float64, shape (L, N)
        Finite, no column constant.
    shrinkage : float
        C = (1 - shrinkage) rank correlation + shrinkage I; above 0 it is positive definite.
    at_once : int
        How many stocks are solved together at first, and added to those with a weight at each further turn.
    """
    from scipy.stats import rankdata  # noqa: PLC0415  # heavy: imported at first use

    ranks = rankdata(returns, axis=0)
    scores = ranks - ranks.mean(axis=0)
    scores /= np.sqrt((scores * scores).sum(axis=0))
    chosen = np.sort(np.argsort(scores.sum(axis=1) @ scores, kind="stable")[:at_once])
    while True:
        solution = _solution(ranks[:, chosen], shrinkage)
        gradient = (1 - shrinkage) * (scores[:, chosen] @ solution) @ scores - 1
        gradient[chosen] = 0.0
        wanted = np.argsort(gradient, kind="stable")[:at_once]
        wanted = wanted[gradient[wanted] < -GRADIENT_ERROR_MAX]
        if not len(wanted):
            out = np.zeros(returns.shape[1])
            out[chosen] = solution
            return np.asarray(out / solution.sum())
        chosen = np.union1d(chosen[solution > 0], wanted)


def _solution(ranks: Floats, shrinkage: float) -> Floats:
    """Solve for the stationary point of these stocks alone."""
    from scipy.optimize import nnls  # noqa: PLC0415  # heavy: imported at first use

    count = ranks.shape[1]
    if count == 1:
        return np.ones(1)
    shrunk = (1 - shrinkage) * np.corrcoef(ranks.T) + shrinkage * np.eye(count)
    root = np.linalg.cholesky(shrunk)
    solution, _ = nnls(root.T, np.linalg.solve(root, np.ones(count)))
    return np.asarray(solution)
