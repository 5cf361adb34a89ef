"""The yardstick: equal weight, scaled to its volatility, never levered, no stock with a gap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.baseline import baseline_weights
from config.allocation import BaselineSettings
from core.types import Floats

ONE_DAY = BaselineSettings(averaging_sessions=1)


def closes(seed: int, deviation: float, sessions: int, count: int = 6) -> Floats:
    return np.exp(np.cumsum(np.random.default_rng(seed).normal(0, deviation, (sessions, count)), axis=0))


@given(seed=st.integers(0, 10_000), deviation=st.floats(0.001, 0.2), averaging=st.integers(1, 10))
@settings(max_examples=50, deadline=None)
def test_every_stock_has_the_same_share_and_nothing_is_borrowed(
    seed: int, deviation: float, averaging: int
) -> None:
    weights = baseline_weights(
        closes(seed, deviation, 21 + averaging), BaselineSettings(averaging_sessions=averaging)
    )
    np.testing.assert_allclose(weights, weights[0])
    assert 0 < weights.sum() <= 1 + 1e-12


def test_it_realises_its_target_in_the_window_it_knows() -> None:
    close = closes(2, 0.04, 22)
    weights = baseline_weights(close, ONE_DAY)
    moves = (close[1:] / close[:-1] - 1) @ weights
    assert moves.std(ddof=1) * np.sqrt(252) == pytest.approx(ONE_DAY.target_volatility_pct)
    assert baseline_weights(closes(2, 0.0001, 22), ONE_DAY).sum() == pytest.approx(1.0)


def test_the_exposure_is_the_mean_of_what_each_of_the_last_sessions_asked_for() -> None:
    close = closes(3, 0.03, 25)
    each = [baseline_weights(close[day : day + 22], ONE_DAY).sum() for day in range(4)]
    averaged = baseline_weights(close, BaselineSettings(averaging_sessions=4)).sum()
    assert len({round(one, 9) for one in each}) == 4
    assert averaged == pytest.approx(np.mean(each))


def test_a_stock_with_a_gap_is_left_out() -> None:
    close = closes(4, 0.02, 22)
    close[5, 2] = np.nan
    weights = baseline_weights(close, ONE_DAY)
    assert weights[2] == 0
    assert (np.delete(weights, 2) > 0).all()
    assert not baseline_weights(np.full((22, 3), np.nan), ONE_DAY).any()
