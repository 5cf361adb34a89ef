"""The least-correlated portfolio: optimal, and scaled to its volatility."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from scipy.stats import rankdata

from agents.diversified import has_moved, least_correlated, portfolio_weights
from config.allocation import DiversifiedSettings
from core.types import Floats

SETTINGS = DiversifiedSettings()


@given(seed=st.integers(0, 10_000), count=st.integers(2, 12), shrinkage=st.floats(0.05, 0.95))
@settings(max_examples=50, deadline=None)
def test_no_small_change_of_the_weights_is_better(seed: int, count: int, shrinkage: float) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.standard_normal((60, count)) @ rng.standard_normal((count, count))
    weights = least_correlated(returns, shrinkage)
    matrix = (1 - shrinkage) * np.corrcoef(rankdata(returns, axis=0).T) + shrinkage * np.eye(count)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= 0).all()
    gradient = matrix @ weights
    level = weights @ gradient
    held = weights > 1e-9
    np.testing.assert_allclose(gradient[held], level, rtol=1e-7)
    assert (gradient[~held] >= level - 1e-9).all()


@given(seed=st.integers(0, 10_000), at_once=st.integers(1, 15), shrinkage=st.floats(0.05, 0.95))
@settings(max_examples=40, deadline=None)
def test_many_solved_by_the_few_that_matter_are_solved_as_all_at_once(
    seed: int, at_once: int, shrinkage: float
) -> None:
    rng = np.random.default_rng(seed)
    returns = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 60)) + rng.standard_normal((40, 60))
    whole = least_correlated(returns, shrinkage)
    assert (whole > 0).sum() > 1
    np.testing.assert_allclose(least_correlated(returns, shrinkage, at_once), whole, atol=1e-8)


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


def market_closes(seed: int, count: int = 12, sessions: int = 253) -> Floats:
    """Stocks that share a market and have moves of their own."""
    rng = np.random.default_rng(seed)
    market = rng.normal(0, 0.01, (sessions, 1))
    moves = market * rng.uniform(0.6, 1.4, count) + rng.normal(0, 0.012, (sessions, count))
    return np.exp(np.cumsum(moves, axis=0))


def shares(close: Floats) -> Floats:
    """Weights before the scaling to a volatility: what one stock has of the portfolio."""
    weights = portfolio_weights(close, SETTINGS)
    return np.asarray(weights / weights.sum())


@given(seed=st.integers(0, 10_000), session=st.integers(130, 230), stock=st.integers(0, 11), up=st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_size_of_a_jump_is_nothing_to_the_weights(seed: int, session: int, stock: int, up: bool) -> None:
    """A jump of 36 % up or 22 % down counts as the largest ordinary move of its window does, and as no more."""
    small, large = (0.10, 0.36) if up else (-0.10, -0.22)  # 10 %: beyond any other move of these stocks
    books = []
    for jump in (small, large):
        moves = np.diff(np.log(market_closes(seed)), axis=0)
        moves[session, stock] = np.log1p(jump)
        close = np.exp(np.vstack([np.zeros(12), np.cumsum(moves, axis=0)]))
        books.append(shares(close))
    np.testing.assert_allclose(books[1], books[0], atol=1e-12)


def test_a_jump_buys_no_more_of_the_stock_that_jumped() -> None:
    """Over 40 draws; the correlation of the returns themselves, used before, breaks it: so the law can fail."""
    by_ranks, by_returns = [], []
    for seed in range(40):
        close = market_closes(seed)
        jumped = close.copy()
        jumped[200:, 0] *= 0.78 if seed % 2 else 1.36
        by_ranks.append(shares(jumped)[0] - shares(close)[0])
        by_returns.append(least_by_returns(jumped)[0] - least_by_returns(close)[0])
    assert np.median(by_ranks) < 0.005
    assert np.quantile(by_ranks, 0.9) < 0.02
    assert np.median(by_returns) > 0.02


def least_by_returns(close: Floats) -> Floats:
    """Weights as `least_correlated` gives them, by the correlation of the returns themselves."""
    returns = close[1:] / close[:-1] - 1
    root = np.linalg.cholesky(0.75 * np.corrcoef(returns.T) + 0.25 * np.eye(close.shape[1]))
    found, _ = nnls(root.T, np.linalg.solve(root, np.ones(close.shape[1])))
    return np.asarray(found / found.sum())


def test_a_stock_at_its_takeover_price_is_left_out() -> None:
    close = market_closes(5)
    close[-30:, 3] = close[-31, 3] * 1.4 * np.exp(np.random.default_rng(0).normal(0, 0.0005, 30))
    assert shares(market_closes(5))[3] > 0
    weights = shares(close)
    assert weights[3] == 0
    assert (np.delete(weights, 3) > 0).any()
    recent = (close[1:] / close[:-1] - 1)[-21:]
    assert has_moved(recent, 0.0).all()
    assert not has_moved(np.full((21, 2), np.nan), 0.2).any()
