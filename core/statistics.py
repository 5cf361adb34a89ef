"""Figures that models, backtests and reports all use, each defined once: Sharpe ratio and rank IC.

The models may not see `analysis/`, so what both need stands here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.market import Floats

SESSIONS_PER_YEAR = 252
VOLATILITY_MIN = 1e-12  # a daily deviation below this is rounding, not risk
NAMES_MIN = 5


def sharpe_ratio(returns: Floats) -> float | None:
    """Annualised Sharpe ratio of daily returns (T,) over a riskless rate of 0 (Sharpe 1994).

    Returns
    -------
    float or None
        None under two returns or without variance.
    """
    ratio = float(sharpe_ratio_per_session(returns))
    return None if np.isnan(ratio) else ratio * float(np.sqrt(SESSIONS_PER_YEAR))


def sharpe_ratios(returns: Floats) -> Floats:
    """Annualised Sharpe ratio of daily returns (..., T) along the last axis, shape (...); 0 without variance."""
    ratios = sharpe_ratio_per_session(returns)
    return np.where(np.isnan(ratios), 0.0, ratios * np.sqrt(SESSIONS_PER_YEAR))


def sharpe_ratio_per_session(returns: Floats) -> Floats:
    """Sharpe ratio (..., T) to (...), not annualised: mean over sample deviation; NaN without variance."""
    if returns.shape[-1] < 2:
        return np.full(returns.shape[:-1], np.nan)
    deviation = returns.std(axis=-1, ddof=1)
    flat = deviation <= VOLATILITY_MIN
    return np.where(flat, np.nan, returns.mean(axis=-1) / np.where(flat, 1.0, deviation))


def rank_ic(predictions: Floats, forward: Floats, *, names_min: int = NAMES_MIN) -> Floats:
    """Rank information coefficient: Spearman correlation of predictions (T, N) with forward returns (T, N).

    Returns
    -------
    ndarray of float64, shape (T,)
        One a session, in [-1, 1]; NaN where fewer than `names_min` names have both, or where one side does not
        differ among them.
    """
    known = np.isfinite(predictions) & np.isfinite(forward)
    left, right = unit_ranks(predictions, known), unit_ranks(forward, known)
    ranked = (known.sum(axis=1) >= names_min) & left.any(axis=1) & right.any(axis=1)
    return np.where(ranked, (left * right).sum(axis=1), np.nan)


def unit_ranks(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Rank each row among its `known` names, centre, and scale to length 1; 0 elsewhere, shape (T, N).

    The product of two such rows is their Spearman correlation. A row whose known values are all equal is 0.
    """
    from scipy.stats import rankdata  # noqa: PLC0415  heavy: imported at first use

    ranks = rankdata(np.where(known, values, np.inf), axis=1)
    count = known.sum(axis=1, keepdims=True)
    mean = np.where(known, ranks, 0.0).sum(axis=1, keepdims=True) / np.maximum(count, 1)
    centred = np.where(known, ranks - mean, 0.0)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    return np.asarray(centred / np.where(length > 0, length, 1.0))
