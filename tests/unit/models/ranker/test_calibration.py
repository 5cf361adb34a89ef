"""Calibrated probabilities mean what they say; the figures beside them are the textbook's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ranker.calibration import Calibration, fit_calibration
from models.ranker.metrics import OutOfSample, daily_scores, standard_error, summary


def drawn(slope: float, intercept: float, n: int = 4000, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    margin = rng.normal(0, 1.5, n)
    p = 1 / (1 + np.exp(-(slope * margin + intercept)))
    return margin, (rng.random(n) < p).astype(float)


def test_it_is_the_logistic_regression() -> None:
    from sklearn.linear_model import LogisticRegression

    margin, label = drawn(0.7, -1.1)
    oracle = LogisticRegression(C=1e9, tol=1e-8).fit(margin[:, None], label)
    found = fit_calibration(margin, label)
    assert found.slope == pytest.approx(oracle.coef_[0, 0], abs=2e-3)
    assert found.intercept == pytest.approx(oracle.intercept_[0], abs=2e-3)


def test_frequencies_match_probabilities() -> None:
    margin, label = drawn(0.8, -1.0, n=20000)
    p = fit_calibration(margin, label).probability(margin)
    for low in (0.1, 0.2, 0.3, 0.4, 0.5):
        chosen = (p > low) & (p <= low + 0.1)
        assert chosen.sum() > 500
        assert label[chosen].mean() == pytest.approx(p[chosen].mean(), abs=0.03)


def test_a_ranking_that_is_wrong_way_round_says_the_base_rate() -> None:
    margin, label = drawn(-0.8, -1.0)
    found = fit_calibration(margin, label)
    assert found.slope == 0
    np.testing.assert_allclose(found.probability(margin), label.mean(), atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    slope=st.floats(-1, 2),
    asked=st.lists(st.floats(-50, 50), min_size=2, max_size=30),
)
def test_a_higher_margin_never_gets_a_lower_probability(seed: int, slope: float, asked: list[float]) -> None:
    margin, label = drawn(slope, -1.0, n=300, seed=seed)
    p = fit_calibration(margin, label).probability(np.sort(asked))
    assert (np.diff(p) >= 0).all()
    assert ((p > 0) & (p < 1)).all()


def held_out(skill: float) -> OutOfSample:
    rng = np.random.default_rng(3)
    days, stocks = 120, 40
    forward = rng.normal(size=(days, stocks))
    margin = skill * forward + rng.normal(size=(days, stocks))
    label = forward > np.quantile(forward, 0.75, axis=1, keepdims=True)
    probability = Calibration(slope=0.5, intercept=-1.2).probability(margin)
    day = np.repeat(np.arange(days) + 7, stocks)
    return OutOfSample(
        day=day, margin=margin.ravel(), probability=probability.ravel(), label=label.ravel().astype(float),
        forward=forward.ravel(),
    )  # fmt: skip


def test_daily_rank_ic_is_spearmans() -> None:
    from scipy.stats import spearmanr

    seen = held_out(0.5)
    daily = daily_scores(seen, 0.75)
    assert len(daily.day) == 120
    for place in (0, 50, 119):
        day = seen.day == daily.day[place]
        assert daily.rank_ic[place] == pytest.approx(spearmanr(seen.margin[day], seen.forward[day]).statistic)
        assert daily.brier[place] == pytest.approx(np.mean((seen.probability[day] - seen.label[day]) ** 2))


def test_uneven_days_and_ties_are_scored_as_each_day_by_itself() -> None:
    from scipy.stats import spearmanr

    whole = held_out(0.5)
    kept = np.random.default_rng(4).random(len(whole.day)) < 0.4
    kept[:40] = np.arange(40) < 3
    seen = OutOfSample(
        day=whole.day[kept], margin=np.round(whole.margin[kept], 1), probability=whole.probability[kept],
        label=whole.label[kept], forward=np.round(whole.forward[kept], 1),
    )  # fmt: skip
    daily = daily_scores(seen, 0.75)
    assert len({np.sum(seen.day == day) for day in daily.day}) > 5
    for place, name in enumerate(daily.day):
        day = seen.day == name
        margin, label = seen.margin[day], seen.label[day]
        assert daily.rank_ic[place] == pytest.approx(spearmanr(margin, seen.forward[day]).statistic)
        assert daily.precision[place] == pytest.approx(label[margin >= np.quantile(margin, 0.75)].mean())
        assert daily.brier[place] == pytest.approx(np.mean((seen.probability[day] - label) ** 2))
    flat = OutOfSample(
        day=np.zeros(5, np.intp), margin=np.ones(5), probability=np.full(5, 0.2), label=np.eye(5)[0],
        forward=np.arange(5.0),
    )  # fmt: skip
    assert daily_scores(flat, 0.75).rank_ic.tolist() == [0.0]


def test_figures_show_skill_and_its_absence() -> None:
    good, none = held_out(1.0), held_out(0.0)
    figures = [
        summary(s, daily_scores(s, 0.75), candidate_probability_min=0.4, horizon_sessions=21)
        for s in (good, none)
    ]
    assert figures[0]["auc"] > 0.75
    assert figures[0]["precision_top_quarter"] > 0.45
    assert figures[0]["rank_ic_t"] > 3
    assert figures[0]["candidates_precision"] > 0.5
    assert figures[1]["auc"] == pytest.approx(0.5, abs=0.03)
    assert abs(figures[1]["rank_ic_t"]) < 2
    assert figures[1]["calibration_slope"] < 0.2
    assert figures[1]["base_rate"] == 0.25


def test_overlapping_labels_count_once() -> None:
    daily = np.random.default_rng(1).normal(size=420)
    assert standard_error(daily, 21) == pytest.approx(standard_error(daily, 1) * np.sqrt(21))
    assert standard_error(daily, 21) == pytest.approx(daily.std() / np.sqrt(20))
