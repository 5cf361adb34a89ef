"""How good predictions were on data their model had not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import Floats
from models.quant_calibration import fit_calibration


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


def daily_scores(seen: OutOfSample, top_quantile: float) -> DailyScores:
    """Score each session by itself."""
    from scipy.stats import rankdata  # noqa: PLC0415  heavy: imported at first use

    days, starts = np.unique(seen.day, return_index=True)
    out = np.zeros((3, len(days)))
    for index, part in enumerate(np.split(np.arange(len(seen.day)), starts[1:])):
        margin, label = seen.margin[part], seen.label[part]
        ranks = np.stack([rankdata(margin), rankdata(seen.forward[part])])
        ranks -= ranks.mean(axis=1, keepdims=True)
        spread = np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1]))
        out[0, index] = ranks[0] @ ranks[1] / spread if spread > 0 else 0.0
        out[1, index] = np.mean((seen.probability[part] - label) ** 2)
        out[2, index] = label[margin >= np.quantile(margin, top_quantile)].mean()
    return DailyScores(day=days, rank_ic=out[0], brier=out[1], precision=out[2])


def standard_error(daily: Floats, horizon_sessions: int) -> float:
    """Standard error of a mean of daily figures whose labels overlap.

    Of `horizon_sessions` neighbouring days only one is counted as independent.
    """
    independent = max(1.0, len(daily) / horizon_sessions)
    return float(daily.std() / np.sqrt(independent))


def summary(
    seen: OutOfSample, daily: DailyScores, *, candidate_probability_min: float, horizon_sessions: int
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
    base_rate = float(seen.label.mean())
    candidates = seen.probability > candidate_probability_min
    log_odds = np.log(seen.probability / (1 - seen.probability))
    return {
        "auc": float(roc_auc_score(seen.label, seen.margin)),
        "rank_ic": rank_ic,
        "rank_ic_standard_error": error,
        "rank_ic_t": rank_ic / error if error > 0 else 0.0,
        "precision_top_quarter": float(daily.precision.mean()),
        "base_rate": base_rate,
        "brier": float(np.mean((seen.probability - seen.label) ** 2)),
        "brier_base": base_rate * (1 - base_rate),
        "calibration_slope": fit_calibration(log_odds, seen.label).slope,
        "candidates_share": float(candidates.mean()),
        "candidates_precision": float(seen.label[candidates].mean()) if candidates.any() else 0.0,
        "predictions": float(len(seen.label)),
    }
