"""Laws of what a policy sees, earns and weighs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.factors.store import FactorStore
from models.rl.batch import PositionBatch, Rules, held_after
from models.rl.ensemble import member_weights
from models.rl.market import make_market as lay_out
from models.rl.replay import (
    buy_and_hold_returns,
    chance_p,
    equal_weight_returns,
    portfolio_returns,
    run_policy,
)
from tests.default_universe import SECTOR_ETF_OF, STOCKS
from tests.panels import make_panel, with_future_changed
from tests.rl_markets import make_actor, make_market

RULES = Rules(lowest=0.0, cost=0.0005, drawdown_penalty=0.1, episode_sessions=40)
TICKERS = ("AAPL", "COIN", "KO")
PANEL = make_panel(2, 300, missing={"COIN": [(0, 150), (220, 223)]})
HIGH_VOLATILITY = np.random.default_rng(1).uniform(0, 1, 300)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-5, 5)), min_size=1, max_size=6), st.floats(0, 1))
def test_weights_sum_to_one_and_nobody_is_below_the_minimum(sharpes: list[float | None], minimum: float) -> None:
    weights = member_weights(sharpes, minimum)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= min(minimum, 1 / len(sharpes)) - 1e-12
    known = [max(0.0, s or 0.0) for s in sharpes]
    order = np.argsort(known, kind="stable")
    assert (np.diff(weights[order]) >= -1e-12).all()


def test_no_member_has_no_weight() -> None:
    assert member_weights([], 0.1).shape == (0,)


@settings(max_examples=8, deadline=None)
@given(st.integers(140, 290), st.integers(1, 6))
def test_what_a_policy_sees_is_causal(row: int, window: int) -> None:
    full = with_future_changed(PANEL, row)
    seen = []
    for panel in (PANEL.prefix(row + 1), full):
        z = FactorStore(SECTOR_ETF_OF).history(panel).z
        market = lay_out(panel, z, HIGH_VOLATILITY[: len(z)], TICKERS, window)
        seen.append((market.features[:, : row + 1], market.known[:, : row + 1], market.returns[:, : row - 1]))
    for before, after in zip(*seen, strict=True):
        np.testing.assert_array_equal(before, after)
    assert seen[0][1][0, -1]


@pytest.mark.parametrize("first", [0, 3, 200])
@pytest.mark.parametrize("window", [1, 5])
def test_the_window_is_the_last_sessions_oldest_first_wherever_it_begins(first: int, window: int) -> None:
    z = FactorStore(SECTOR_ETF_OF).history(PANEL).z
    market = lay_out(PANEL, z, HIGH_VOLATILITY, TICKERS, window, first)
    assert market.known.any()
    for ticker, name in enumerate(TICKERS):
        for session in range(0, 300 - first, 7):
            row = first + session
            past = z[max(0, row - window + 1) : row + 1, PANEL.column[name]]
            known = len(past) == window and np.isfinite(past).all()
            assert market.known[ticker, session] == known
            if known:
                expected = np.append(past.ravel(), HIGH_VOLATILITY[row]).astype(np.float32)
                np.testing.assert_array_equal(market.features[ticker, session], expected)


def test_a_return_starts_at_the_next_open() -> None:
    z = FactorStore(SECTOR_ETF_OF).history(PANEL).z
    market = lay_out(PANEL, z, HIGH_VOLATILITY, STOCKS, 1)
    opens = PANEL.open[:, PANEL.column["AAPL"]]
    found = market.returns[market.tickers.index("AAPL")]
    for row in (200, 250, 297):
        assert found[row] == pytest.approx(opens[row + 2] / opens[row + 1] - 1)
    assert np.isnan(found[-2:]).all()


@pytest.mark.parametrize("squashed", [False, True])
def test_walking_a_book_is_stepping_the_environment(squashed: bool) -> None:
    market = make_market(5, tickers=6, sessions=60)
    actor = make_actor(2, squashed=squashed)
    batch = PositionBatch(market, RULES, 6)
    batch.restart(slice(None), np.random.default_rng(0))
    batch.cell[:] = np.arange(6) * 60
    walked = run_policy(actor, market, RULES)
    assert np.ptp(walked.positions) > 0.1
    for session in range(RULES.episode_sessions):
        actions = actor.act(batch.observe())
        np.testing.assert_array_equal(actions, walked.actions[:, session])
        batch.step(actions)
        np.testing.assert_array_equal(batch.position, walked.positions[:, session])


def test_where_nothing_is_known_nothing_is_held() -> None:
    market = make_market(6, holes=0.2)
    walked = run_policy(make_actor(1), market, RULES)
    assert (walked.positions[~market.known] == 0).all()
    assert np.isnan(walked.actions[~market.known]).all()
    assert np.isfinite(walked.actions[market.known]).all()


def test_always_all_is_equal_weight_and_no_skill() -> None:
    market = make_market(7)
    held = np.ones(market.known.shape)
    np.testing.assert_array_equal(portfolio_returns(held, market, 0.001), equal_weight_returns(market, 0.001))
    assert chance_p(held, market, 0.001, draws=50, seed=0) == 1
    assert chance_p(np.zeros_like(held), market, 0.001, draws=50, seed=0) == 1


def test_chance_is_told_from_knowing() -> None:
    market = make_market(8, sessions=120)
    knowing = (np.nan_to_num(market.returns) > 0).astype(float)
    assert chance_p(knowing, market, 0.0, draws=99, seed=0) == 0.01
    ps = []
    for seed in range(40):
        guessed = np.random.default_rng(seed).uniform(0, 1, market.known.shape)
        ps.append(chance_p(guessed, make_market(seed, sessions=120), 0.0, draws=39, seed=seed))
    assert 0.3 < np.mean(ps) < 0.7
    assert np.mean(np.array(ps) <= 0.1) < 0.3


def test_buy_and_hold_is_what_the_shares_are_worth() -> None:
    market = make_market(9)
    returns = buy_and_hold_returns(market, 0.0)
    worth = np.prod(1 + np.nan_to_num(market.returns), axis=1).mean()
    assert np.prod(1 + returns) == pytest.approx(worth)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_time_held_counts_a_side(positions: list[float]) -> None:
    held, before = np.zeros(1, dtype=np.int64), np.zeros(1)
    sides = [0 if abs(p) < 0.05 else int(np.sign(p)) for p in positions]
    for i, position in enumerate(positions):
        held, before = held_after(held, before, np.array([position])), np.array([position])
        run = 0
        while run <= i and sides[i - run] == sides[i] != 0:
            run += 1
        assert held[0] == run
