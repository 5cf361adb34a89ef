r"""Whether factors have moved away from the training window: an alarm whose false rate is declared.

Factors move slowly and a sector's is shared by its stocks, so a few weeks never look like the whole window. What
is usual is measured on stretches of the window itself, each as long as the newest one and held against the rest
of the window. The limit is an upper prediction bound for one more such stretch: the logarithms of the usual
indices are taken for normal, and the bound is Student's,

    \ln limit_f = m_f + t s \sqrt{1 + 1/n},

with the factor's mean m_f (or its index at an end of the window, where that is larger), the dispersion s common
to all factors, and n stretches that do not overlap; t is chosen so that over all factors and a month of sessions
together it is passed by chance with `false_alarms_month_max` (Bonferroni). The limit is raised where a block
bootstrap over the training sessions passes it more often than that, and the bootstrap's rate is told beside it
(Hahn and Meeker, Statistical Intervals, 1991; Kuensch, The jackknife and the bootstrap for general stationary
observations, 1989).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.types import Floats
from models.factors.store import FactorTable
from models.factors.table import FACTOR_NAMES
from models.ranker.artefact import TrainingWindow
from models.ranker.drift import divergence, tenths

MONTH_SESSIONS = 21
MEMORY_SESSIONS = 63  # the longest look-back that most factors have: nearer stretches share their sessions
BOOTSTRAP_MONTHS = 1000
STRETCH_SESSIONS_MIN = 5
FREEDOM_POOLED = 3  # of the common dispersion, for each stretch: 13 factors, which are not independent
PSI_MIN = 1e-6  # an index of 0 has no logarithm


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """A factor's PSI in the newest sessions, and the limit it passes by chance no more often than declared."""

    psi: float
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorDrift:
    """The factors' stability, and how often their alarm is false.

    Attributes
    ----------
    factors : mapping of str to Stability
        Without the factors of which either side has no samples.
    false_alarms_month : float or None
        Share of months, drawn from the training window by a block bootstrap, in which a factor passes its limit;
        None where there are too few sessions to tell, and then there is no alarm.
    """

    factors: Mapping[str, Stability]
    false_alarms_month: float | None


def factor_drift(
    table: FactorTable,
    sessions: NDArray[np.datetime64],
    window: TrainingWindow,
    *,
    recent_sessions: int,
    false_alarms_month_max: float,
    rng: np.random.Generator,
) -> FactorDrift:
    """Hold each factor's newest sessions after the training window against that window.

    The z-scores are compared, since they are what the ranker sees: a shift of the whole market's level is none
    to it.

    Parameters
    ----------
    table : FactorTable
        Of the panel with these sessions.
    window : TrainingWindow
        Of the training samples.
    false_alarms_month_max : float
        The declared rate: the probability that a month without any shift raises an alarm.
    rng : Generator
        Draws the bootstrap.
    """
    days = sessions.astype("datetime64[D]")
    first, last = (np.datetime64(day, "D") for day in (window.first, window.last))
    trained_on = table.z[(days >= first) & (days <= last)]
    newest = table.z[max(int(np.searchsorted(days, last, side="right")), len(days) - recent_sessions) :]
    known = [
        place
        for place in range(len(FACTOR_NAMES))
        if np.isfinite(trained_on[..., place]).any() and np.isfinite(newest[..., place]).any()
    ]
    if not known:
        return FactorDrift(factors={}, false_alarms_month=None)
    edges = [tenths(part[np.isfinite(part)]) for part in (trained_on[..., place] for place in known)]
    counts, recent = (_counts(z[..., known], edges) for z in (trained_on, newest))
    psi = divergence(_shares(counts.sum(axis=0), edges), _shares(recent.sum(axis=0), edges))
    usual = _usual(counts, edges, len(newest))
    limits, rate = _limits(counts, edges, usual, len(newest), false_alarms_month_max, rng)
    factors = {
        FACTOR_NAMES[place]: Stability(psi=float(psi[k]), limit=float(limits[k])) for k, place in enumerate(known)
    }
    return FactorDrift(factors=factors, false_alarms_month=rate)


def _counts(z: Floats, edges: list[Floats]) -> Floats:
    """Count the values of each session in each factor's bins, shape (T, factors, bins)."""
    out = np.zeros((*z.shape[::2], max(len(inner) for inner in edges) + 1))
    for place, inner in enumerate(edges):
        bins = np.searchsorted(inner, z[..., place], side="right")
        sound = np.isfinite(z[..., place])
        for number in range(len(inner) + 1):
            out[:, place, number] = ((bins == number) & sound).sum(axis=1)
    return out


def _shares(counts: Floats, edges: list[Floats]) -> Floats:
    """Return shares of counts by factor and bin, the last axes; half a case is added to each bin there is."""
    there = np.arange(counts.shape[-1]) <= np.array([len(inner) for inner in edges])[:, None]
    filled = np.where(there, counts + 0.5, 1e-300)
    return np.asarray(filled / filled.sum(axis=-1, keepdims=True))


def _usual(counts: Floats, edges: list[Floats], length: int) -> Floats:
    """Return the index of each stretch of the window against the rest of it, shape (stretches, factors)."""
    total = len(counts)
    if length < STRETCH_SESSIONS_MIN or total < 3 * max(length, MEMORY_SESSIONS):
        return np.empty((0, counts.shape[1]))
    sums = np.concatenate([np.zeros((1, *counts.shape[1:])), counts.cumsum(axis=0)])
    starts = np.arange(total - length + 1)
    inside = sums[starts + length] - sums[starts]
    # the stretches on either side share sessions with this one, as the next one after the window does not
    before, after = np.maximum(starts - length, 0), np.minimum(starts + 2 * length, total)
    rest = sums[-1] - (sums[after] - sums[before])
    return divergence(_shares(rest, edges), _shares(inside, edges))


def _limits(
    counts: Floats,
    edges: list[Floats],
    usual: Floats,
    length: int,
    rate_max: float,
    rng: np.random.Generator,
) -> tuple[Floats, float | None]:
    """Return each factor's limit and the bootstrap's rate of months that pass one."""
    if not len(usual):
        return np.full(counts.shape[1], np.inf), None
    from scipy.stats import t  # noqa: PLC0415  # heavy: imported at first use

    logs = np.log(np.maximum(usual, PSI_MIN))
    # the next stretch lies beyond the window: of a factor with a trend the stretches at the ends are as far out
    mean = np.maximum(logs.mean(axis=0), np.maximum(logs[0], logs[-1]))
    spread = float(np.sqrt(logs.var(axis=0).mean()))
    independent = len(counts) / max(length, MEMORY_SESSIONS)
    looks = len(mean) * (1 + MONTH_SESSIONS / max(length, MEMORY_SESSIONS))
    freedom = (independent - 1) * FREEDOM_POOLED
    score = float(t.ppf(1 - rate_max / looks, freedom)) * np.sqrt(1 + 1 / independent)
    drawn = _months(counts, edges, length, rng)
    highest = ((np.log(np.maximum(drawn, PSI_MIN)) - mean) / spread).max(axis=(1, 2))
    score = max(score, float(np.quantile(highest, 1 - rate_max, method="higher")))
    return np.exp(mean + score * spread), float((highest > score).mean())


def _months(counts: Floats, edges: list[Floats], length: int, rng: np.random.Generator) -> Floats:
    """Draw months of sessions in blocks; return the index at each session, shape (months, sessions, factors)."""
    block = max(length, MONTH_SESSIONS)
    needed = length + MONTH_SESSIONS - 1
    starts = rng.integers(0, len(counts) - block + 1, size=(BOOTSTRAP_MONTHS, -(-needed // block)))
    reference = _shares(counts.sum(axis=0), edges)
    sums = np.concatenate([np.zeros((1, *counts.shape[1:])), counts.cumsum(axis=0)])
    # of each session's stretch, where it begins and ends within each of the blocks put together
    within = np.arange(MONTH_SESSIONS) - block * np.arange(starts.shape[1])[:, None]
    begins, ends = (np.clip(within + later, 0, block) for later in (0, length))
    out = np.empty((BOOTSTRAP_MONTHS, MONTH_SESSIONS, counts.shape[1]))
    for month, blocks in enumerate(starts):
        inside = (sums[blocks[:, None] + ends] - sums[blocks[:, None] + begins]).sum(axis=0)
        out[month] = divergence(reference, _shares(inside, edges))
    return out
