"""How good predictions were on data their model had not held_out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.statistics import rank_ic
from core.types import Floats
from models.ranker.calibration import fit_calibration


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutOfSample:
    """Predictions of held-out samples, with what happened; all of shape (n,)."""

    day: NDArray[np.intp]
    margin: Floats
    probability: Floats
    label: Floats
    forward: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DailyScores:
    """One figure a session: rank IC (Spearman) and Brier score, shape (days,)."""

    day: NDArray[np.intp]
    rank_ic: Floats
    brier: Floats
    precision: Floats


def daily_scores(held_out: OutOfSample, top_quantile: float) -> DailyScores:
    """Score each session by itself; `held_out.day` must not decrease."""
    days, count = np.unique(held_out.day, return_counts=True)
    there = np.arange(count.max()) < count[:, None]
    margin, forward, probability, label = (
        _by_day(values, there)
        for values in (held_out.margin, held_out.forward, held_out.probability, held_out.label)
    )
    top = there & (margin >= _quantile(margin, count, top_quantile)[:, None])
    missed = np.subtract(probability, label, out=np.zeros(there.shape), where=there)
    return DailyScores(
        day=days,
        rank_ic=np.nan_to_num(rank_ic(margin, forward, names_min=1)),  # 0 where the day cannot be ranked
        brier=(missed**2).sum(axis=1) / count,
        precision=np.where(top, label, 0.0).sum(axis=1) / top.sum(axis=1),
    )


def _by_day(values: Floats, there: NDArray[np.bool_]) -> Floats:
    """Lay samples (n,) out by day (days, most of a day), infinite where a day has fewer."""
    out = np.full(there.shape, np.inf)
    out[there] = values
    return out


def _quantile(values: Floats, count: NDArray[np.intp], q: float) -> Floats:
    """Give each row's quantile of its first `count` values, the rest being infinite, by linear interpolation."""
    ordered, place = np.sort(values, axis=1), q * (count - 1)
    below = np.floor(place).astype(np.intp)
    rows = np.arange(len(values))
    low, high = ordered[rows, below], ordered[rows, np.minimum(below + 1, count - 1)]
    return np.asarray(low + (high - low) * (place - below))


def standard_error(daily: Floats, horizon_sessions: int) -> float:
    """Standard error of a mean of daily figures whose labels overlap.

    Of `horizon_sessions` neighbouring days only one is counted as independent.
    """
    independent = max(1.0, len(daily) / horizon_sessions)
    return float(daily.std() / np.sqrt(independent))


def summary(
    held_out: OutOfSample, daily: DailyScores, *, candidate_probability_min: float, horizon_sessions: int
) -> dict[str, float]:
    """Give the figures the artefact carries.

    Returns
    -------
    dict of str to float
        auc (0.5 is chance); rank_ic with its standard error and t statistic, corrected for overlapping
        labels; precision_top_quarter against base_rate; brier against brier_base (always saying the base
        rate); calibration_slope (1 is calibrated, 0 no skill; of probabilities calibrated on the other folds);
        candidates_share and candidates_precision at the candidate threshold.
    """
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415  heavy: imported at first use

    error = standard_error(daily.rank_ic, horizon_sessions)
    rank_ic = float(daily.rank_ic.mean())
    base_rate = float(held_out.label.mean())
    candidates = held_out.probability > candidate_probability_min
    log_odds = np.log(held_out.probability / (1 - held_out.probability))
    return {
        "auc": float(roc_auc_score(held_out.label, held_out.margin)),
        "rank_ic": rank_ic,
        "rank_ic_standard_error": error,
        "rank_ic_t": rank_ic / error if error > 0 else 0.0,
        "precision_top_quarter": float(daily.precision.mean()),
        "base_rate": base_rate,
        "brier": float(np.mean((held_out.probability - held_out.label) ** 2)),
        "brier_base": base_rate * (1 - base_rate),
        "calibration_slope": fit_calibration(log_odds, held_out.label).slope,
        "candidates_share": float(candidates.mean()),
        "candidates_precision": float(held_out.label[candidates].mean()) if candidates.any() else 0.0,
        "predictions": float(len(held_out.label)),
    }
