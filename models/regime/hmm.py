"""A two-state Gaussian HMM: fitted by hmmlearn, filtered forward by us, since smoothing would see the future."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass

import numpy as np

from core.errors import DataError
from core.types import Floats

STATES = ("low_vol", "high_vol")
ITERATIONS_MAX = 60
TOLERANCE = 0.05
STAY_PROBABILITY = 0.97
VARIANCE_MIN = 1e-12
VOLATILITY = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HiddenMarkovModel:
    """A fitted model, its states in the order of `STATES`.

    Attributes
    ----------
    centre, scale : ndarray of float64, shape (D,)
        What observations are standardized with.
    start : ndarray of float64, shape (K,)
        Probability of each state at the window's first session.
    transition : ndarray of float64, shape (K, K)
        Row i: probabilities of the next state after state i.
    means : ndarray of float64, shape (K, D)
    precisions : ndarray of float64, shape (K, D, D)
        Inverse covariances.
    log_norms : ndarray of float64, shape (K,)
        Log of each density's constant.
    log_likelihood : float
        Of the window it was fitted on, natural log.
    """

    centre: Floats
    scale: Floats
    start: Floats
    transition: Floats
    means: Floats
    precisions: Floats
    log_norms: Floats
    log_likelihood: float

    def fingerprint(self) -> str:
        """Name the parameters: 8 hexadecimal digits of their SHA-256."""
        parts = (self.centre, self.scale, self.start, self.transition, self.means, self.precisions)
        return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()[:8]


def observations(close: Floats, volatility_sessions: int) -> Floats:
    """Turn closes into what the model sees.

    Parameters
    ----------
    close : ndarray of float64, shape (T,)
        Positive and without holes.

    Returns
    -------
    ndarray of float64, shape (T - volatility_sessions, 2)
        Daily log return, and the log of the root mean square of the last `volatility_sessions` ones. Row i
        belongs to session i + volatility_sessions. Minus infinity where prices did not move at all.
    """
    returns = np.diff(np.log(close))
    rows = len(returns) - volatility_sessions + 1
    squares = returns * returns
    total = np.zeros(rows)
    for lag in range(volatility_sessions):
        total += squares[lag : lag + rows]
    with np.errstate(divide="ignore"):
        volatility = 0.5 * np.log(total / volatility_sessions)
    return np.column_stack([returns[volatility_sessions - 1 :], volatility])


def fit(observed: Floats, *, restarts: int, seed: int) -> HiddenMarkovModel:
    """Fit by expectation maximization from several seeded starts; the best likelihood wins.

    Parameters
    ----------
    observed : ndarray of float64, shape (T, D)
        Column 1 is log volatility: it names the states.

    Raises
    ------
    DataError
        When the observations do not vary or are not finite, so that no two states can be told apart.
    """
    if not (np.isfinite(observed).all() and (observed.var(axis=0) > VARIANCE_MIN).all()):
        raise DataError(
            "The benchmark's prices do not vary enough to tell two regimes apart.",
            hint="Check the benchmark's bars for constant or repeated prices.",
        )
    centre, scale = observed.mean(axis=0), observed.std(axis=0)
    scaled = (observed - centre) / scale
    rng = np.random.default_rng(seed)
    fits = [_expectation_maximization(scaled, _initial_means(scaled, rng, index)) for index in range(restarts)]
    best = max(fits, key=lambda model: model[0])
    return _named(best, centre, scale)


def _initial_means(scaled: Floats, rng: np.random.Generator, index: int) -> Floats:
    """Split at the median volatility first; afterwards two sessions by chance."""
    if index:
        return scaled[rng.choice(len(scaled), size=len(STATES), replace=False)]
    calm = scaled[:, VOLATILITY] <= np.median(scaled[:, VOLATILITY])
    return np.array([scaled[calm].mean(axis=0), scaled[~calm].mean(axis=0)])


def _expectation_maximization(scaled: Floats, means: Floats) -> tuple[float, Floats, Floats, Floats, Floats]:
    from hmmlearn.hmm import GaussianHMM  # noqa: PLC0415  heavy: imported at first use

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)  # a restart that does not converge is expected
    states, width = means.shape
    model = GaussianHMM(
        n_components=states, covariance_type="full", n_iter=ITERATIONS_MAX, tol=TOLERANCE, init_params=""
    )
    model.startprob_ = np.full(states, 1 / states)
    leave = (1 - STAY_PROBABILITY) / (states - 1)
    model.transmat_ = np.full((states, states), leave) + np.eye(states) * (STAY_PROBABILITY - leave)
    model.means_ = means
    model.covars_ = np.stack([np.eye(width)] * states)
    model.fit(scaled)
    return (model.monitor_.history[-1], model.startprob_, model.transmat_, model.means_, model.covars_)


def _named(
    best: tuple[float, Floats, Floats, Floats, Floats], centre: Floats, scale: Floats
) -> HiddenMarkovModel:
    """Put the calmer state first: a fit's own order is chance."""
    likelihood, start, transition, means, covariances = best
    order = np.argsort(means[:, VOLATILITY], kind="stable")
    covariances = covariances[order]
    determinants = np.linalg.slogdet(covariances)[1]
    width = means.shape[1]
    return HiddenMarkovModel(
        centre=centre,
        scale=scale,
        start=start[order],
        transition=transition[np.ix_(order, order)],
        means=means[order],
        precisions=np.asarray(np.linalg.inv(covariances), dtype=np.float64),
        log_norms=-0.5 * (width * np.log(2 * np.pi) + determinants),
        log_likelihood=float(likelihood),
    )


def log_densities(model: HiddenMarkovModel, observed: Floats) -> Floats:
    """Log density of each observation in each state, shape (T, K)."""
    scaled = (observed - model.centre) / model.scale
    out = np.empty((len(observed), len(model.means)))
    for state, (mean, precision) in enumerate(zip(model.means, model.precisions, strict=True)):
        away = scaled - mean
        distance = np.zeros(len(observed))
        for i in range(len(mean)):
            for j in range(len(mean)):
                distance += away[:, i] * away[:, j] * precision[i, j]
        out[:, state] = model.log_norms[state] - 0.5 * distance
    return out


def forward_filter(model: HiddenMarkovModel, observed: Floats, before: Floats | None = None) -> Floats:
    """Give log P(state now | observations up to now), the forward recursion in log space.

    Parameters
    ----------
    observed : ndarray of float64, shape (T, D)
    before : ndarray of float64, shape (K,), or None
        Log probabilities after the session before the first; None to begin from the model's start.

    Returns
    -------
    ndarray of float64, shape (T, K)
        Normalized log probabilities; row t depends on observations 0..t only (Rabiner 1989, eq. 19-20).
    """
    with np.errstate(divide="ignore"):
        log_start, log_transition = np.log(model.start), np.log(model.transition)
    densities = log_densities(model, observed)
    out = np.empty_like(densities)
    belief = before
    for row, density in enumerate(densities):
        prior = log_start if belief is None else np.logaddexp.reduce(belief[:, None] + log_transition, axis=0)
        joint = prior + density
        belief = joint - np.logaddexp.reduce(joint)
        out[row] = belief
    return out
