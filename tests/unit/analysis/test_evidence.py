"""The test martingale: bounds on false claims, power, fading; and the two ways of computing it are one."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.evidence import (
    DEFAULT_RULE,
    SHOWN_MIN,
    Evidence,
    EvidenceRule,
    EvidenceState,
    evidence_paths,
    gather,
    update,
)

YEAR = 252
RETURNS = st.floats(-0.2, 0.2)


def noise(sessions: int, books: int, sharpe: float = 0.0, seed: int = 1) -> np.ndarray:
    """Student-t noise with 4 degrees of freedom, 1 % a day, with a true Sharpe ratio."""
    dice = np.random.default_rng(seed)
    return 0.01 * (dice.standard_t(4, (sessions, books)) / math.sqrt(2) + sharpe / math.sqrt(YEAR))


def clustered(sessions: int, books: int, seed: int) -> np.ndarray:
    """No skill: random signs, fat tails, volatility that clusters (GARCH)."""
    dice = np.random.default_rng(seed)
    shocks = dice.standard_t(4, (sessions, books)) / math.sqrt(2)
    variance, out = np.ones(books), np.empty((sessions, books))
    for row in range(sessions):
        out[row] = np.sqrt(variance) * shocks[row]
        variance = 0.02 + 0.08 * out[row] ** 2 + 0.9 * variance
    return 0.006 * out


def years_until_shown(paths: np.ndarray) -> np.ndarray:
    shown = paths >= SHOWN_MIN
    return np.where(shown.any(axis=0), (shown.argmax(axis=0) + 1) / YEAR, np.inf)


def test_books_without_skill_are_hardly_ever_promoted() -> None:
    paths = evidence_paths(clustered(5 * YEAR, 600, seed=5))
    assert np.median(paths.max(axis=0)) > 1.0, "the process did bet"
    assert (paths.max(axis=0) >= SHOWN_MIN).mean() <= 0.05


@pytest.mark.parametrize(
    ("sharpe", "years", "share"), [(3.0, 1.6, 0.5), (2.0, 2.6, 0.5), (2.0, 5.0, 0.95), (1.0, 5.0, 0.3)]
)
def test_skill_is_shown_within_the_declared_time(sharpe: float, years: float, share: float) -> None:
    paths = evidence_paths(noise(5 * YEAR, 400, sharpe, seed=11))
    assert (years_until_shown(paths) <= years).mean() >= share


def test_a_dead_edge_is_no_longer_shown() -> None:
    returns = np.vstack([noise(3 * YEAR, 200, 3.0, seed=2), noise(2 * YEAR, 200, 0.0, seed=3)])
    paths = evidence_paths(returns)
    alive = paths[3 * YEAR - 1] >= SHOWN_MIN
    assert alive.mean() > 0.9
    assert np.median(paths[-1, alive]) < SHOWN_MIN


def test_an_edge_that_comes_late_is_found() -> None:
    returns = np.vstack([noise(2 * YEAR, 200, -1.0, seed=4), noise(4 * YEAR, 200, 3.0, seed=5)])
    paths = evidence_paths(returns)
    assert (paths[: 2 * YEAR].max(axis=0) >= SHOWN_MIN).mean() <= 0.05
    assert (paths[-1] >= SHOWN_MIN).mean() > 0.9


@given(st.lists(RETURNS, min_size=1, max_size=150))
def test_session_by_session_and_array_code_give_the_same(returns: list[float]) -> None:
    paths = evidence_paths(np.array(returns)[:, None])
    evidence = Evidence()
    for row, value in enumerate(returns):
        evidence = update(evidence, value)
        assert evidence.e_value == pytest.approx(paths[row, 0], rel=1e-9)


@given(st.lists(RETURNS, min_size=25, max_size=90), st.floats(1e-4, 0.1))
def test_a_fair_coin_never_raises_the_expected_evidence(returns: list[float], size: float) -> None:
    before = gather(returns)
    expected = (update(before, size).e_value + update(before, -size).e_value) / 2
    assert expected <= before.e_value * (1 + 1e-12)


@given(st.lists(RETURNS, max_size=80))
def test_better_and_worse_are_mirrors(returns: list[float]) -> None:
    there, back = gather(returns), gather([-value for value in returns])
    assert there.e_value == back.e_value_worse
    assert there.e_value_worse == back.e_value


@given(st.lists(RETURNS, max_size=140))
def test_the_state_survives_json_bit_by_bit(returns: list[float]) -> None:
    evidence = gather(returns)
    assert msgspec.json.decode(msgspec.json.encode(evidence), type=Evidence) == evidence


@given(st.lists(RETURNS, min_size=1, max_size=60), st.sampled_from([math.nan, math.inf, -math.inf]))
def test_a_missing_return_teaches_nothing(returns: list[float], missing: float) -> None:
    evidence = gather(returns)
    assert update(evidence, missing) == evidence


def test_states() -> None:
    up = gather(noise(5 * YEAR, 1, 4.0, seed=8)[:, 0])
    assert up.state is EvidenceState.SHOWN
    assert gather(-noise(5 * YEAR, 1, 4.0, seed=8)[:, 0]).state is EvidenceState.SHOWN_WORSE
    assert Evidence().state is EvidenceState.NOT_KNOWN
    assert Evidence().e_value == 1.0


def test_all_shares_for_ever_sum_to_one_and_no_bet_can_lose_all() -> None:
    assert sum(DEFAULT_RULE.share(restart) for restart in range(100_000)) == pytest.approx(1.0, abs=1e-5)
    assert max(DEFAULT_RULE.bets) * DEFAULT_RULE.loss_clip_sd < 1


def test_wealth_above_the_most_kept_is_given_away() -> None:
    rule = EvidenceRule(wealth_max=30.0)
    paths = evidence_paths(noise(5 * YEAR, 20, 4.0, seed=9), rule)
    assert paths.max() == pytest.approx(30.0)
