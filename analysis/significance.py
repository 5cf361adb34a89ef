"""How likely a result is luck: probabilistic and deflated Sharpe, the ranking's permutations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from core.errors import InvariantError
from core.market import Floats
from core.statistics import (
    NAMES_MIN,
    SESSIONS_PER_YEAR,
    VOLATILITY_MIN,
    rank_ic,
    sharpe_ratio_per_session,
    unit_ranks,
)

EULER_GAMMA = 0.5772156649015329


class Permutation(NamedTuple):
    """A mean daily rank IC and how often a shifted pairing of the same rows did at least as well.

    Attributes
    ----------
    rank_ic : float
        Mean daily Spearman correlation, in [-1, 1].
    p_value : float
        In (0, 1].
    days : int
        Sessions it rests on; the smallest possible p-value is 1 / days.
    """

    rank_ic: float
    p_value: float
    days: int


def probabilistic_sharpe_ratio(returns: Floats, *, sharpe_to_beat: float = 0.0) -> float | None:
    """Probability that the true Sharpe ratio is above `sharpe_to_beat`, given the returns' length and shape.

    Φ((SR - SR*) √(T - 1) / √(1 - γ₃ SR + (γ₄ - 1)/4 SR²)) with SR per session, γ₃ skewness and γ₄ kurtosis
    (Bailey & López de Prado 2012, "The Sharpe ratio efficient frontier", eq. 11).

    Parameters
    ----------
    returns : ndarray of float64, shape (T,)
        Daily returns.
    sharpe_to_beat : float
        Annualised.

    Returns
    -------
    float or None
        In [0, 1]; None under three returns or without variance.
    """
    shape = shape_of(returns)
    return None if shape is None else shape.probability_above(sharpe_to_beat / np.sqrt(SESSIONS_PER_YEAR))


def track_record_sessions_min(
    returns: Floats, *, sharpe_to_beat: float = 0.0, confidence: float = 0.95
) -> int | None:
    """Minimum track record length: sessions needed to show a true Sharpe ratio above `sharpe_to_beat`.

    1 + (1 - γ₃ SR + (γ₄ - 1)/4 SR²) (Z / (SR - SR*))², Z the normal quantile (Bailey & López de Prado 2012,
    "The Sharpe ratio efficient frontier", eq. 13).

    Parameters
    ----------
    returns : ndarray of float64, shape (T,)
        Daily returns, whose Sharpe ratio and shape are taken to go on.
    sharpe_to_beat : float
        Annualised.

    Returns
    -------
    int or None
        None where the returns' own ratio is not above it: then no length shows it.
    """
    from scipy.stats import norm  # noqa: PLC0415  heavy: imported at first use

    shape = shape_of(returns)
    if shape is None or (excess := shape.ratio - sharpe_to_beat / np.sqrt(SESSIONS_PER_YEAR)) <= VOLATILITY_MIN:
        return None
    return int(np.ceil(1 + shape.spread * (norm.ppf(confidence) / excess) ** 2))


class ReturnsShape(NamedTuple):
    """What of a row of returns says how sure its Sharpe ratio is.

    Attributes
    ----------
    ratio : float
        Sharpe ratio a session.
    skewness, kurtosis : float
        3 is the kurtosis of the normal distribution.
    sessions : int
    """

    ratio: float
    skewness: float
    kurtosis: float
    sessions: int

    @property
    def spread(self) -> float:
        """Variance of the estimated ratio, times sessions less one."""
        return 1 - self.skewness * self.ratio + (self.kurtosis - 1) / 4 * self.ratio**2

    def probability_above(self, ratio: float) -> float | None:
        """Probability that the true ratio a session is above `ratio`; None where the spread is not positive."""
        from scipy.stats import norm  # noqa: PLC0415  heavy: imported at first use

        if self.spread <= 0:
            return None
        return float(norm.cdf((self.ratio - ratio) * np.sqrt(self.sessions - 1) / np.sqrt(self.spread)))


def shape_of(returns: Floats) -> ReturnsShape | None:
    """Return the shape of daily returns (T,); None under three or without variance."""
    if len(returns) < 3 or returns.std(ddof=1) <= VOLATILITY_MIN:
        return None
    standard = (returns - returns.mean()) / returns.std()
    skewness, kurtosis = float((standard**3).mean()), float((standard**4).mean())
    return ReturnsShape(float(sharpe_ratio_per_session(returns)), skewness, kurtosis, len(returns))


def expected_best_sharpe(*, trials: int, sharpe_variance: float) -> float:
    """Sharpe ratio that the best of `trials` worthless strategies is expected to show.

    √V ((1 - γ) Φ⁻¹(1 - 1/N) + γ Φ⁻¹(1 - 1/(N e))), γ the Euler-Mascheroni constant (Bailey & López de Prado
    2014, "The deflated Sharpe ratio", eq. 1).

    Parameters
    ----------
    trials : int
        Independent trials N, at least 1; one trial has nothing to be deflated by: 0.
    sharpe_variance : float
        Variance V of the trials' Sharpe ratios; the result is in the same unit as its root.
    """
    from scipy.stats import norm  # noqa: PLC0415  heavy: imported at first use

    if trials < 1 or sharpe_variance < 0:
        raise InvariantError(f"{trials} trials with variance {sharpe_variance}: at least 1 trial, variance >= 0.")
    if trials == 1:
        return 0.0
    quantiles = norm.ppf([1 - 1 / trials, 1 - 1 / (trials * np.e)])
    return float(np.sqrt(sharpe_variance) * ((1 - EULER_GAMMA) * quantiles[0] + EULER_GAMMA * quantiles[1]))


def deflated_sharpe_ratio(returns: Floats, *, trials: int, sharpe_variance: float) -> float | None:
    """Probability that the Sharpe ratio is real after choosing the best of `trials`.

    The probabilistic Sharpe ratio against the best that luck is expected to give (Bailey & López de Prado
    2014, eq. 2).

    Parameters
    ----------
    returns : ndarray of float64, shape (T,)
        Daily returns of the chosen strategy.
    trials : int
        Every variant that was looked at, counted honestly.
    sharpe_variance : float
        Variance across the trials of their annualised Sharpe ratios.

    Returns
    -------
    float or None
        In [0, 1]; None where the probabilistic Sharpe ratio is.
    """
    hurdle = expected_best_sharpe(trials=trials, sharpe_variance=sharpe_variance)
    return probabilistic_sharpe_ratio(returns, sharpe_to_beat=hurdle)


def rank_ic_permutation(
    predictions: Floats, forward: Floats, *, names_min: int = NAMES_MIN
) -> Permutation | None:
    """Test a ranking's mean rank IC against every circular shift of its dates.

    Shifting the whole prediction table in time against the whole table of forward returns breaks their
    pairing and nothing else: each keeps its own serial dependence, so overlapping labels and slow
    predictions weigh in the null as they do in the statistic. The T shifts form a group that holds the
    identity, so p = #{k: IC_k >= IC_0} / T is exact where both are stationary on the circle (Lehmann &
    Romano 2005, section 15.2); near shifts stay in, leaving them out would flatter a slow ranking. All T
    sums come at once from a Fourier transform. A ranking that never changes shifts into itself: p = 1,
    which is right, its timing says nothing.

    Parameters
    ----------
    predictions, forward : ndarray of float64, shape (T, N)
        Predictions and the returns that followed them; NaN where unknown. Sessions with fewer than
        `names_min` names are dropped first.

    Returns
    -------
    Permutation or None
        None when no session can be ranked.
    """
    ranked = np.isfinite(rank_ic(predictions, forward, names_min=names_min))
    days = int(ranked.sum())
    if not days:
        return None
    known = (np.isfinite(predictions) & np.isfinite(forward))[ranked]
    left, right = unit_ranks(predictions[ranked], known), unit_ranks(forward[ranked], known)
    spectrum = (np.fft.rfft(left, axis=0).conj() * np.fft.rfft(right, axis=0)).sum(axis=1)
    shifted = np.fft.irfft(spectrum, n=days) / days
    observed = float((left * right).sum() / days)
    return Permutation(observed, float(np.mean(shifted >= observed - 1e-12)), days)
