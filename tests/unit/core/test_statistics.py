"""Sharpe ratio and rank IC against the textbook and scipy, and one definition for every room that asks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import spearmanr

from core.market import Floats
from core.statistics import rank_ic, sharpe_ratio, sharpe_ratio_per_session, sharpe_ratios
from models.ranker.metrics import OutOfSample, daily_scores

RETURNS = hnp.arrays(np.float64, st.integers(2, 40), elements=st.floats(-0.25, 0.25, width=32))


def test_the_sharpe_ratio_is_the_textbooks() -> None:
    returns = np.random.default_rng(3).normal(0.001, 0.01, 400)
    per_session = returns.mean() / returns.std(ddof=1)
    assert sharpe_ratio_per_session(returns) == pytest.approx(per_session)
    assert sharpe_ratio(returns) == pytest.approx(per_session * 252**0.5)


@given(st.lists(RETURNS, min_size=1, max_size=4))
def test_rows_have_the_ratio_of_each_alone(rows: list[Floats]) -> None:
    length = min(len(row) for row in rows)
    table = np.stack([row[:length] for row in rows])
    assert sharpe_ratios(table) == pytest.approx([sharpe_ratio(row) or 0.0 for row in table], rel=1e-9)


@pytest.mark.parametrize("returns", [np.full(10, 0.01), np.zeros(1), np.array([])])
def test_without_variance_there_is_no_ratio(returns: Floats) -> None:
    assert sharpe_ratio(returns) is None
    assert sharpe_ratios(returns[None, :]) == [0.0]


def test_the_rank_ic_is_scipys_spearman() -> None:
    rng = np.random.default_rng(5)
    predictions, forward = rng.integers(0, 6, (2, 30, 12)).astype(np.float64)  # with ties
    expected = [spearmanr(*pair).statistic for pair in zip(predictions, forward, strict=True)]
    assert rank_ic(predictions, forward) == pytest.approx(expected)


def test_a_session_of_few_names_or_of_equal_ones_has_no_rank_ic() -> None:
    predictions = np.array([[1.0, 2.0, np.nan, np.nan, np.nan], [1.0, 1.0, 1.0, 1.0, 1.0], [1, 2, 3, 4, 5.0]])
    forward = np.tile([0.1, 0.2, 0.3, 0.4, 0.5], (3, 1))
    assert np.isnan(rank_ic(predictions, forward)).tolist() == [True, True, False]
    assert rank_ic(predictions, forward, names_min=2)[0] == pytest.approx(1.0)


def test_the_rankers_own_scores_are_the_same_rank_ic() -> None:
    rng = np.random.default_rng(8)
    margin, forward = rng.normal(size=(2, 20, 9))
    flat = margin.size
    seen = OutOfSample(
        day=np.repeat(np.arange(20), 9), margin=margin.ravel(), probability=np.full(flat, 0.5),
        label=(forward > 0).astype(np.float64).ravel(), forward=forward.ravel(),
    )  # fmt: skip
    assert daily_scores(seen, 0.75).rank_ic == pytest.approx(rank_ic(margin, forward))
