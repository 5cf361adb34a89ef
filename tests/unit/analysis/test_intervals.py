"""Intervals of the Sharpe ratio: the bootstrap against a slow reference, and how often they hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from analysis.intervals import (
    long_run_variance_ratio,
    overlapping_mean_interval,
    ratio_interval,
    sharpe_interval,
    stationary_rows,
    t_quantile,
)


def slow_rows(sessions: int, resamples: int, block: float, seed: int) -> NDArray[np.int64]:
    """Politis & Romano's scheme as they tell it: step by step, jump with probability 1 / mean."""
    rng = np.random.default_rng(seed)
    jumps = rng.random((resamples, sessions)) < 1 / block
    starts = rng.integers(0, sessions, size=(resamples, sessions))
    out = np.empty((resamples, sessions), dtype=int)
    for b in range(resamples):
        for t in range(sessions):
            out[b, t] = starts[b, t] if t == 0 or jumps[b, t] else (out[b, t - 1] + 1) % sessions
    return out


def test_bootstrap_rows_against_the_slow_reference() -> None:
    rows = stationary_rows(90, resamples=30, block_sessions_mean=7, rng=np.random.default_rng(12))
    assert (rows == slow_rows(90, 30, 7, 12)).all()
    again = stationary_rows(90, resamples=30, block_sessions_mean=7, rng=np.random.default_rng(12))
    assert (rows == again).all()


def test_bootstrap_blocks_have_their_mean_and_rows_are_even() -> None:
    rows = stationary_rows(500, resamples=400, block_sessions_mean=10, rng=np.random.default_rng(1))
    jumps = (np.diff(rows, axis=1) % 500 != 1).mean()
    assert jumps == pytest.approx(1 / 10, rel=0.03)
    counts = np.bincount(rows.ravel(), minlength=500)
    assert counts.min() > 250
    assert counts.max() < 560


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng, truth = np.random.default_rng(20), 0.05 * 252**0.5
    hits = 0
    for _ in range(60):
        interval = sharpe_interval(
            rng.normal(0.05, 1.0, 500), rng, resamples=200, block_sessions_mean=5, confidence=0.9
        )
        assert interval is not None
        assert interval.low < interval.high
        hits += interval.low <= truth <= interval.high
    assert 46 <= hits <= 59


@pytest.mark.parametrize("sessions", [50, 126, 252])
def test_with_few_returns_of_fat_tails_the_95_percent_interval_holds_the_truth_hardly_less_often(
    sessions: int,
) -> None:
    rng, worlds = np.random.default_rng(4), 600
    held = 0
    for _ in range(worlds):
        interval = sharpe_interval(0.01 * rng.standard_t(4, sessions), rng, resamples=60)
        assert interval is not None
        held += interval.low <= 0 <= interval.high
    assert held / worlds >= 0.925  # the bootstrap alone: 0.80, 0.86, 0.90


@pytest.mark.parametrize("sessions", [84, 252, 504])
def test_the_interval_of_returns_that_share_their_days_holds_the_truth_hardly_less_often(sessions: int) -> None:
    rng, worlds, month = np.random.default_rng(6), 400, 21
    held = 0
    for _ in range(worlds):
        daily = 0.01 * rng.standard_t(5, sessions + month - 1)
        monthly = np.convolve(daily, np.ones(month), "valid")
        interval = overlapping_mean_interval(monthly, month, rng, resamples=60)
        assert interval is not None
        held += interval.low <= 0 <= interval.high
    assert held / worlds >= 0.925  # the bootstrap alone: 0.63, 0.79, 0.83
    assert overlapping_mean_interval(np.ones(83), month, rng) is None


def test_the_formula_is_mertens_by_students_t() -> None:
    returns = 0.01 * np.random.default_rng(3).standard_t(5, 300)
    low, high = ratio_interval(returns, confidence=0.9) or (np.nan, np.nan)
    ratio = returns.mean() / returns.std(ddof=1)
    skewness, kurtosis = stats.skew(returns), stats.kurtosis(returns, fisher=False)
    variance = (1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2) / 299
    error = stats.t.ppf(0.95, 299) * np.sqrt(variance * long_run_variance_ratio(returns))
    assert (low, high) == pytest.approx((ratio - error, ratio + error))
    assert t_quantile(300, 0.9) == pytest.approx(stats.t.ppf(0.95, 299))


def test_the_variance_of_the_mean_grows_with_autocorrelation_and_never_shrinks() -> None:
    rng, echo = np.random.default_rng(5), 0.4
    shocks = rng.standard_normal(20_000)
    for row in range(1, len(shocks)):
        shocks[row] += echo * shocks[row - 1]
    assert long_run_variance_ratio(shocks) == pytest.approx((1 + echo) / (1 - echo), rel=0.12)
    assert long_run_variance_ratio(np.tile([1.0, -1.0], 50)) == 1.0


def test_undefined_is_none() -> None:
    assert ratio_interval(np.zeros(50)) is None
    assert ratio_interval(np.array([0.1, 0.2])) is None
    assert sharpe_interval(np.zeros(200), np.random.default_rng(0)) is None
    assert sharpe_interval(np.arange(20.0), np.random.default_rng(0)) is None
