"""Significance: published numbers, slow references, and what must happen on noise and on a planted edge."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest

from analysis.overfitting import overfitting_probability
from analysis.significance import (
    ReturnsShape,
    deflated_sharpe_ratio,
    expected_best_sharpe,
    probabilistic_sharpe_ratio,
    rank_ic_permutation,
    shape_of,
    track_record_sessions_min,
)
from core.errors import InvariantError
from core.market import Floats
from core.statistics import rank_ic


def two_point_returns(sharpe: float, losses: int, sessions: int) -> Floats:
    """Returns of two values with the given Sharpe ratio a session; their kurtosis is skewness² + 1."""
    values = np.repeat([-3.0, 0.3], [losses, sessions - losses])
    values -= values.mean()
    values /= values.std(ddof=1)
    return np.asarray(values + sharpe)


def test_probabilistic_sharpe_by_the_formula() -> None:
    from scipy.stats import kurtosis, norm, skew

    returns = two_point_returns(0.08, 90, 600)
    ratio, to_beat = returns.mean() / returns.std(ddof=1), 0.5 / 252**0.5
    assert ratio == pytest.approx(0.08)
    spread = 1 - skew(returns) * ratio + (kurtosis(returns, fisher=False) - 1) / 4 * ratio**2
    oracle = norm.cdf((ratio - to_beat) * 599**0.5 / spread**0.5)
    assert probabilistic_sharpe_ratio(returns, sharpe_to_beat=0.5) == pytest.approx(oracle)


def test_the_paper_s_example() -> None:
    """Bailey & López de Prado 2014: SR 2.5, N 100, V 0.5, T 1250, skewness -3, kurtosis 10: 0.1132 and 0.9004.

    The paper counts 250 sessions a year, we 252; 105 losses in 1250 make the shape.
    """
    from scipy.stats import kurtosis, skew

    returns = two_point_returns(2.5 / 250**0.5, 105, 1250)
    assert skew(returns) == pytest.approx(-3, abs=0.01)
    assert kurtosis(returns, fisher=False) == pytest.approx(10, abs=0.05)
    assert expected_best_sharpe(trials=100, sharpe_variance=0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    chance = deflated_sharpe_ratio(returns, trials=100, sharpe_variance=0.5 * 252 / 250)
    assert chance == pytest.approx(0.9004, abs=5e-4)


def test_expected_best_of_noise_is_what_noise_shows() -> None:
    rng = np.random.default_rng(0)
    best = rng.normal(0, 0.7, size=(4000, 50)).max(axis=1).mean()
    assert expected_best_sharpe(trials=50, sharpe_variance=0.49) == pytest.approx(best, rel=0.02)
    assert expected_best_sharpe(trials=1, sharpe_variance=0.49) == 0.0


def test_more_trials_deflate_more_and_one_deflates_nothing() -> None:
    returns = np.random.default_rng(1).normal(0.0008, 0.01, 1500)
    chances = [deflated_sharpe_ratio(returns, trials=n, sharpe_variance=0.25) for n in (1, 2, 5, 20, 100, 1000)]
    assert chances[0] == probabilistic_sharpe_ratio(returns)
    assert all(a is not None and b is not None and a > b for a, b in pairwise(chances))


def test_undefined_is_none() -> None:
    assert probabilistic_sharpe_ratio(np.zeros(50)) is None
    assert probabilistic_sharpe_ratio(np.array([0.1, 0.2])) is None
    assert overfitting_probability(np.zeros((100, 1))) is None
    assert overfitting_probability(np.zeros((20, 4))) is None
    assert rank_ic_permutation(np.full((9, 8), np.nan), np.ones((9, 8))) is None


@pytest.mark.parametrize(("trials", "variance"), [(0, 1.0), (5, -1.0)])
def test_impossible_trials_are_refused(trials: int, variance: float) -> None:
    with pytest.raises(InvariantError, match="trial"):
        expected_best_sharpe(trials=trials, sharpe_variance=variance)


def slow_overfitting(returns: Floats, blocks: int) -> float:
    """The paper's algorithm in words, one split at a time."""
    parts = np.array_split(returns, blocks)
    failed = total = 0
    for chosen in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[k] for k in chosen])
        outside = np.concatenate([parts[k] for k in range(blocks) if k not in chosen])
        best = (inside.mean(axis=0) / inside.std(axis=0, ddof=1)).argmax()
        score = outside.mean(axis=0) / outside.std(axis=0, ddof=1)
        place = (score < score[best]).sum() + 1
        failed += place / (len(score) + 1) <= 0.5
        total += 1
    return failed / total


@pytest.mark.parametrize("sessions", [160, 167])
def test_overfitting_against_the_slow_reference(sessions: int) -> None:
    returns = np.random.default_rng(4).normal(0.0003, 0.01, (sessions, 7))
    outcome = overfitting_probability(returns, blocks=8)
    assert outcome is not None
    assert outcome.splits == 70
    assert outcome.probability == pytest.approx(slow_overfitting(returns, 8))


def test_overfitting_is_a_coin_on_noise_and_none_for_a_dominant_trial() -> None:
    rng = np.random.default_rng(6)
    noise = [overfitting_probability(rng.normal(0, 0.01, (400, 20)), blocks=8) for _ in range(40)]
    assert np.mean([outcome.probability for outcome in noise if outcome]) == pytest.approx(0.5, abs=0.1)
    strong = rng.normal(0, 0.01, (800, 20))
    strong[:, 3] += 0.004
    outcome = overfitting_probability(strong)
    assert outcome is not None
    assert outcome.splits == 12870
    assert outcome.probability < 0.01
    assert outcome.loss_probability < 0.01
    assert outcome.logit_median > 2


def test_overfitting_refuses_gaps_and_odd_blocks() -> None:
    with pytest.raises(InvariantError, match="NaN"):
        overfitting_probability(np.full((100, 3), np.nan))
    with pytest.raises(InvariantError, match="even"):
        overfitting_probability(np.zeros((100, 3)), blocks=7)


def overlapping(rng: np.random.Generator, sessions: int, names: int, horizon: int) -> Floats:
    """Forward returns over `horizon` sessions, so neighbours share all but one day."""
    daily = rng.normal(size=(sessions + horizon, names))
    total = np.cumsum(daily, axis=0)
    return np.asarray(total[horizon:] - total[:-horizon])


def slow_permutation(predictions: Floats, forward: Floats) -> float:
    shifts = [np.nanmean(rank_ic(np.roll(predictions, k, axis=0), forward)) for k in range(len(forward))]
    return float(np.mean(np.array(shifts) >= shifts[0] - 1e-12))


def test_permutation_against_rolling_the_table() -> None:
    rng = np.random.default_rng(3)
    predictions, forward = rng.normal(size=(50, 9)), overlapping(rng, 50, 9, 5)
    outcome = rank_ic_permutation(predictions, forward)
    assert outcome is not None
    assert outcome.rank_ic == pytest.approx(rank_ic(predictions, forward).mean())
    assert outcome.p_value == pytest.approx(slow_permutation(predictions, forward))
    assert outcome.days == 50


def test_permutation_is_honest_on_slow_noise_with_overlapping_labels() -> None:
    rng = np.random.default_rng(14)
    values = []
    for _ in range(300):
        slow, forward = overlapping(rng, 120, 10, 10), overlapping(rng, 120, 10, 10)
        outcome = rank_ic_permutation(slow, forward)
        assert outcome is not None
        values.append(outcome.p_value)
    assert np.mean(values) == pytest.approx(0.5, abs=0.06)
    assert np.mean(np.array(values) <= 0.05) < 0.09
    assert np.mean(np.array(values) <= 0.5) == pytest.approx(0.5, abs=0.1)


def test_permutation_finds_a_planted_ranking_through_gaps() -> None:
    rng = np.random.default_rng(15)
    forward = overlapping(rng, 300, 20, 10)
    predictions = forward + rng.normal(0, 12, forward.shape)
    predictions[rng.random(forward.shape) < 0.1] = np.nan
    predictions[:20] = np.nan
    outcome = rank_ic_permutation(predictions, forward)
    assert outcome is not None
    assert outcome.days == 280
    assert 0.1 < outcome.rank_ic < 0.4
    assert outcome.p_value < 0.02


def test_a_ranking_that_never_changes_says_nothing_by_its_timing() -> None:
    outcome = rank_ic_permutation(np.tile(np.arange(8.0), (60, 1)), np.random.default_rng(1).normal(size=(60, 8)))
    assert outcome is not None
    assert outcome.p_value == 1.0


def test_the_worked_example_of_bailey_and_lopez_de_prado() -> None:
    """Of 2014: a Sharpe ratio of 2.5 over 5 years of 250 days, the best of 100 trials of variance 1/2."""
    hurdle = expected_best_sharpe(trials=100, sharpe_variance=0.5 / 250)
    assert hurdle == pytest.approx(0.1132, abs=5e-5)
    chosen = ReturnsShape(ratio=2.5 / 250**0.5, skewness=-3.0, kurtosis=10.0, sessions=1250)
    assert chosen.probability_above(hurdle) == pytest.approx(0.9004, abs=5e-5)


def test_the_shortest_track_record_is_where_the_probability_reaches_its_confidence() -> None:
    returns = np.random.default_rng(4).normal(0.0006, 0.01, 900)
    needed = track_record_sessions_min(returns)
    shape = shape_of(returns)
    assert needed is not None
    assert shape is not None
    before, after = (shape._replace(sessions=n).probability_above(0.0) for n in (needed - 1, needed))
    assert before is not None
    assert after is not None
    assert before < 0.95 <= after
    assert track_record_sessions_min(returns, sharpe_to_beat=0.3) > needed  # type: ignore[operator]
    assert track_record_sessions_min(-np.abs(returns)) is None
    assert track_record_sessions_min(np.zeros(50)) is None
