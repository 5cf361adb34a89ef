"""How well predictions ranked the names: rank IC and AUC, out of sample, by year."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.market import Floats
from core.statistics import rank_ic


@dataclass(frozen=True, slots=True, kw_only=True)
class YearOfRanking:
    """One year of a ranking's skill.

    Attributes
    ----------
    days : int
        Sessions with enough names to rank.
    rank_ic : float or None
        Mean daily Spearman correlation of prediction and forward return, in [-1, 1].
    auc : float or None
        Chance that a name of the top group was predicted above one outside it, in [0, 1]; pooled over
        the year's names and sessions, ties count a half.
    """

    year: int
    days: int
    rank_ic: float | None
    auc: float | None


def top_group(forward: Floats, *, share: float = 0.25) -> Floats:
    """Label each session's best `share` of names by forward return: 1, else 0; NaN where unknown, (T, N)."""
    from scipy.stats import rankdata  # noqa: PLC0415  heavy: imported at first use

    known = np.isfinite(forward)
    count = known.sum(axis=1, keepdims=True)
    place = rankdata(np.where(known, forward, -np.inf), axis=1, method="ordinal") - (forward.shape[1] - count)
    return np.where(known, (place > count - np.floor(count * share + 0.5)).astype(np.float64), np.nan)


def auc(scores: Floats, labels: Floats) -> float | None:
    """Area under the ROC curve (Mann-Whitney); NaN pairs are left out, None with one class."""
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415  heavy: imported at first use

    known = np.isfinite(scores) & np.isfinite(labels)
    top = labels[known] > 0.5
    return float(roc_auc_score(top, scores[known])) if top.any() and not top.all() else None


def ranking_by_year(
    predictions: Floats, forward: Floats, sessions: NDArray[np.datetime64]
) -> tuple[YearOfRanking, ...]:
    """Return each year's rank IC and AUC (label: the session's top group by forward return).

    Parameters
    ----------
    predictions, forward : ndarray of float64, shape (T, N)
        Out-of-sample predictions made at each session, and the returns that followed; NaN where unknown.
    sessions : ndarray of datetime64[D], shape (T,)
        A session counts in the year the prediction was made.
    """
    daily = rank_ic(predictions, forward)
    labels = top_group(forward)
    years = sessions.astype("datetime64[Y]").astype(int) + 1970
    return tuple(
        _year(int(year), daily[years == year], predictions[years == year], labels[years == year])
        for year in np.unique(years)
    )


def _year(year: int, daily: Floats, predictions: Floats, labels: Floats) -> YearOfRanking:
    ranked = daily[np.isfinite(daily)]
    return YearOfRanking(
        year=year,
        days=len(ranked),
        rank_ic=float(ranked.mean()) if len(ranked) else None,
        auc=auc(predictions, labels),
    )
