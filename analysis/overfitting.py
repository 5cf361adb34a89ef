"""Probability of backtest overfitting: whether the best of many trials stays good where it was not chosen."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from core.errors import InvariantError
from core.linear_algebra import one_thread
from core.market import Floats
from core.statistics import VOLATILITY_MIN

SPLITS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """Outcome of combinatorially symmetric cross-validation.

    Attributes
    ----------
    probability : float
        Share of splits in which the best trial in sample is at or below the median out of it, in [0, 1].
    loss_probability : float
        Share of splits in which the trial chosen in sample has a Sharpe ratio below 0 out of it, in [0, 1].
    logit_median : float
        Median log-odds of the chosen trial's relative rank out of sample; above 0 is better than the median.
    trials, splits : int
        How many of each.
    """

    probability: float
    loss_probability: float
    logit_median: float
    trials: int
    splits: int


def overfitting_probability(returns: Floats, *, blocks: int = 16) -> Overfitting | None:
    """Estimate how likely choosing the best trial by its Sharpe ratio overfits.

    The sessions are cut into S blocks; for each of the C(S, S/2) ways to take half of them in sample, the
    trial best there gets its relative rank w = rank / (M + 1) among all M out of sample and the logit
    ln(w / (1 - w)); the probability is the share of logits <= 0 (Bailey, Borwein, López de Prado & Zhu
    2015, "The probability of backtest overfitting", section 2).

    Parameters
    ----------
    returns : ndarray of float64, shape (T, M)
        Daily returns of every trial over the same sessions; all trials that were looked at.
    blocks : int
        S, even; where T is not its multiple, some blocks are one session longer.

    Returns
    -------
    Overfitting or None
        None under two trials or two sessions a block.
    """
    if blocks < 2 or blocks % 2:
        raise InvariantError(f"{blocks} blocks: cross-validation takes an even number, at least 2.")
    if not np.isfinite(returns).all():
        raise InvariantError("The trials' returns hold a NaN: cut them to the sessions that all trials cover.")
    sessions, trials = returns.shape
    if trials < 2 or sessions < 2 * blocks:
        return None
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    parts = [
        _splits(returns, halves[at : at + SPLITS_AT_ONCE], blocks) for at in range(0, len(halves), SPLITS_AT_ONCE)
    ]
    logits, outside = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Overfitting(
        probability=float(np.mean(logits <= 0)),
        loss_probability=float(np.mean(outside < 0)),
        logit_median=float(np.median(logits)),
        trials=trials,
        splits=len(halves),
    )


def _splits(returns: Floats, halves: np.ndarray, blocks: int) -> tuple[Floats, Floats]:
    """For each split: the chosen trial's logit out of sample and its Sharpe ratio there."""
    from scipy.stats import rankdata  # noqa: PLC0415  heavy: imported at first use

    inside = np.zeros((len(halves), blocks))
    np.put_along_axis(inside, halves, 1.0, axis=1)
    best = _sharpe_of_blocks(returns, inside).argmax(axis=1)[:, None]
    outside = _sharpe_of_blocks(returns, 1.0 - inside)
    place = np.take_along_axis(rankdata(outside, axis=1), best, axis=1)[:, 0] / (returns.shape[1] + 1)
    return np.log(place / (1 - place)), np.take_along_axis(outside, best, axis=1)[:, 0]


@one_thread()
def _sharpe_of_blocks(returns: Floats, chosen: Floats) -> Floats:
    """Sharpe ratio a session of each trial over the chosen blocks, (splits, M), from each block's sums."""
    centre = returns.mean(axis=0)
    pieces = np.array_split(returns - centre, chosen.shape[1])
    count = chosen @ np.array([[len(piece)] for piece in pieces], dtype=np.float64)
    total = chosen @ np.stack([piece.sum(axis=0) for piece in pieces])
    squares = chosen @ np.stack([(piece**2).sum(axis=0) for piece in pieces])
    deviation = np.sqrt(np.maximum(squares - total**2 / count, 0.0) / (count - 1))
    flat = deviation <= VOLATILITY_MIN
    return np.where(flat, 0.0, (total / count + centre) / np.where(flat, 1.0, deviation))
