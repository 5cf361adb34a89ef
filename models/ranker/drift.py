"""Drift: the population stability index, and how well the ranker ranks since its training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.types import BarPanel, Floats
from models.factors.store import FactorTable
from models.ranker.artefact import QuantArtefact
from models.ranker.metrics import DailyScores, OutOfSample, daily_scores
from models.ranker.ranker import Ranker
from models.ranker.samples import forward_returns, top_labels

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RankerInUse:
    """A ranker and the moment it was put in use, UTC."""

    ranker: Ranker
    since: np.datetime64


def population_stability(expected: Floats, actual: Floats) -> float:
    r"""Population stability index of a sample against the one a model learnt from.

    With e and a the shares of both in the tenths of `expected`,

        PSI = \sum_i (a_i - e_i) \ln(a_i / e_i),

    the symmetric Kullback-Leibler divergence (Jeffreys 1946; as an index: Siddiqi, Credit Risk Scorecards, 2006).
    Half a case is added to each bin, so that an empty one stays finite.

    Parameters
    ----------
    expected, actual : ndarray of float64, shape (n,) and (m,)
        Finite, not empty.

    Returns
    -------
    float
        At least 0; 0 for equal shares.
    """
    inner = tenths(expected)
    return float(divergence(_shares(expected, inner), _shares(actual, inner)))


def tenths(expected: Floats) -> Floats:
    """Return the inner edges of the tenths of a sample; fewer where values are tied."""
    edges: Floats = np.unique(np.quantile(expected, np.linspace(0, 1, BINS + 1)[1:-1]))
    return edges


def _shares(values: Floats, inner: Floats) -> Floats:
    counts = np.bincount(np.searchsorted(inner, values, side="right"), minlength=len(inner) + 1)
    return ((counts + 0.5) / (len(values) + 0.5 * len(counts))).astype(np.float64)


def divergence(e: Floats, a: Floats) -> Floats:
    """Return the symmetric divergence of shares over their last axis."""
    return np.asarray(((a - e) * np.log(a / e)).sum(axis=-1))


def live_scores(
    bars: BarPanel, table: FactorTable, models: Sequence[RankerInUse], artefact: QuantArtefact
) -> DailyScores | None:
    """Score the sessions at which a ranker was in use and whose outcome is known by now.

    What each ranker predicted then is computed again, with the same result: factors are causal, artefacts kept.

    Parameters
    ----------
    models : sequence of RankerInUse
        In the order they were put in use; each ranks until the next one was.
    artefact : QuantArtefact
        Whose horizon and quantile the outcomes are measured by.

    Returns
    -------
    DailyScores or None
        None while no outcome is known.
    """
    horizon = artefact.horizon_sessions
    quantile = artefact.top_quantile
    forward = forward_returns(bars.close, horizon)
    since = np.array([model.since for model in models], dtype="datetime64[us]")
    parts = []
    for row in range(len(bars.sessions) - horizon):
        place = int(np.searchsorted(since, bars.known_at[row], side="right")) - 1
        if place < 0 or not models[place].ranker.may_rank(bars.sessions[row]):
            continue
        margin = models[place].ranker.rank(np.ascontiguousarray(table.z[row])).margin
        outcome = np.where(np.isfinite(margin), forward[row], np.nan)
        label = top_labels(outcome[None], quantile)[0]
        known = np.isfinite(label)
        if known.any():
            parts.append((np.full(known.sum(), row), margin[known], label[known], forward[row][known]))
    if not parts:
        return None
    day, margin, label, outcome = (np.concatenate(column) for column in zip(*parts, strict=True))
    outcomes = OutOfSample(day=day, margin=margin, probability=label, label=label, forward=outcome)
    return daily_scores(outcomes, quantile)
