"""The least-correlated book: optimal, causal, scaled to its volatility; and what the synthesizer does with it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.diversified import DiversifiedAgent, least_correlated, portfolio_weights
from agents.synthesizer import hold_targets
from config.trading import DiversifiedSettings
from core.cycles import DECIDE
from core.types import Action, BarPanel, MarketAnalysis, MarketView, Portfolio, Position, Signal
from tests.panels import make_panel

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


def view_of(panel: BarPanel) -> MarketView:
    at = panel.known_at[-1].astype("datetime64[us]").astype(datetime).replace(tzinfo=UTC)
    return MarketView(as_of=at, bars=panel, source="test")


def test_it_knows_only_the_prefix_and_abstains_without_history() -> None:
    panel = make_panel(3, 330)
    stocks = [s for s in panel.symbols if s != "SPY"]
    prefix = panel.prefix(300)
    alone = BarPanel(
        sessions=prefix.sessions, known_at=prefix.known_at, symbols=prefix.symbols, open=prefix.open.copy(),
        high=prefix.high.copy(), low=prefix.low.copy(), close=prefix.close.copy(), volume=prefix.volume.copy(),
    )  # fmt: skip
    said = DiversifiedAgent(stocks, SETTINGS).signals(view_of(prefix), stocks)
    assert said.targets
    assert said == DiversifiedAgent(stocks, SETTINGS).signals(view_of(alone), stocks)
    short = DiversifiedAgent(stocks, SETTINGS).signals(view_of(panel.prefix(200)), stocks)
    assert not short.targets
    assert "252 sessions" in short.abstentions[0].reason


def test_targets_become_entries_resizes_and_exits_with_the_votes_beside_them() -> None:
    held = {
        name: Position(
            symbol=name, quantity=Decimal(1), average_price=Decimal(10), last_price=Decimal(10),
            entry_at=datetime(2024, 1, 2, tzinfo=UTC),
            entry_session=date(2024, 1, 2), peak_price=Decimal(10),
        )
        for name in ("KO", "PG")
    }  # fmt: skip
    signal = Signal(agent="quant", symbol="KO", score=-0.9, confidence=0.1, reason="dear")
    analysis = MarketAnalysis(targets={"KO": 0.05, "XOM": 0.04, "GE": 0.001}, signals=(signal,))
    decisions = hold_targets(analysis, Portfolio(cash=Decimal(1), positions=held), DECIDE, 0.005)
    assert [(d.symbol, d.action, d.target_weight) for d in decisions] == [
        ("KO", Action.RESIZE, 0.05),
        ("PG", Action.EXIT, None),
        ("XOM", Action.ENTER, 0.04),
    ]
    assert [(vote.signal.agent, vote.weight) for vote in decisions[0].votes] == [("quant", 0.0)]
