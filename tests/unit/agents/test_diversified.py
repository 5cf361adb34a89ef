"""The least-correlated portfolio: optimal, and scaled to its volatility."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.diversified import least_correlated, portfolio_weights
from config.allocation import DiversifiedSettings

SETTINGS = DiversifiedSettings()


@given(seed=st.integers(0, 10_000), count=st.integers(2, 12), shrinkage=st.floats(0.05, 0.95))
@settings(max_examples=50, deadline=None)
def test_no_small_change_of_the_weights_is_better(seed: int, count: int, shrinkage: float) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.standard_normal((60, count)) @ rng.standard_normal((count, count))
    weights = least_correlated(returns, shrinkage)
    matrix = (1 - shrinkage) * np.corrcoef(returns.T) + shrinkage * np.eye(count)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    gradient = matrix @ weights
    level = weights @ gradient
    held = weights > 1e-9
    np.testing.assert_allclose(gradient[held], level, rtol=1e-7)
    assert (gradient[~held] >= level - 1e-9).all()


def test_without_correlations_it_is_equal_weight_and_ignores_scale() -> None:
    returns = np.random.default_rng(1).standard_normal((50, 5))
    np.testing.assert_allclose(least_correlated(returns, 1.0), 0.2)
    np.testing.assert_allclose(
        least_correlated(returns * np.arange(1, 6), 0.3), least_correlated(returns, 0.3), rtol=1e-9
    )


def test_the_book_is_scaled_to_its_volatility_and_never_levered() -> None:
    close = np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.03, (260, 6)), axis=0))
    weights = portfolio_weights(close, SETTINGS)
    moves = (close[1:] / close[:-1] - 1)[-SETTINGS.volatility_sessions :] @ weights
    assert moves.std(ddof=1) * np.sqrt(252) == pytest.approx(SETTINGS.target_volatility_pct)
    calm = np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.0003, (260, 6)), axis=0))
    assert portfolio_weights(calm, SETTINGS).sum() == pytest.approx(1.0)
