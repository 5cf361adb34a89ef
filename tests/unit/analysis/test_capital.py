"""The law of capital: whatever challengers do, wealth stays above 1 less seeds less grants of the baseline's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.capital import Capital, CapitalRule, after_session
from analysis.evidence import EvidenceState

NAMES = ("one", "two", "three")
STATES = st.sampled_from(list(EvidenceState))
SESSION = st.tuples(
    st.fixed_dictionaries({name: st.floats(0.0, 3.0) for name in NAMES}),
    st.fixed_dictionaries(dict.fromkeys(NAMES, STATES)),
)


@given(
    st.lists(SESSION, min_size=1, max_size=60),
    st.sampled_from([0.0, 0.02, 0.1]),
    st.sampled_from([0.0, 0.3, 0.6]),
)
def test_wealth_never_falls_below_what_was_never_lent(
    path: list[tuple[dict[str, float], dict[str, EvidenceState]]], seed: float, granted_max: float
) -> None:
    rule = CapitalRule(challengers=NAMES, seed=seed, granted_max=granted_max)
    capital = rule.opening()
    least = 1.0 - len(NAMES) * seed - granted_max
    for growth, states in path:
        before = capital
        capital = after_session(capital, growth, states, rule)
        assert capital.baseline >= least - 1e-9
        assert capital.total >= least - 1e-9
        assert all(value >= 0 for value in (*capital.seeds.values(), *capital.grants.values()))
        assert 0 <= capital.lent <= granted_max + 1e-9
        moved = {n: before.seeds[n] * growth[n] + before.grants.get(n, 0.0) * growth[n] for n in NAMES}
        assert capital.total == pytest.approx(before.baseline + sum(moved.values())), "nothing is made or lost"


def test_an_adversary_that_is_shown_and_then_loses_all_again_and_again_takes_no_more_than_the_cap() -> None:
    rule = CapitalRule(challengers=("one",), granted_max=0.3)
    capital = rule.opening()
    for _ in range(50):
        capital = after_session(capital, {}, {"one": EvidenceState.SHOWN}, rule)
        capital = after_session(capital, {"one": 0.0}, {"one": EvidenceState.NOT_KNOWN}, rule)
    assert capital.total == pytest.approx(0.7)


def test_nothing_is_granted_before_it_is_shown_and_nothing_stays_after_the_mirror() -> None:
    rule = CapitalRule(challengers=("one", "two"), seed=0.05, granted_max=0.2)
    capital = after_session(rule.opening(), {"one": 2.0}, {}, rule)
    assert capital.shares()["one"] == pytest.approx(0.10 / 1.05)
    assert not capital.grants
    capital = after_session(capital, {}, {"one": EvidenceState.SHOWN}, rule)
    assert capital.grants == {"one": pytest.approx(0.1)}
    assert capital.seeds["one"] == pytest.approx(0.10)
    capital = after_session(capital, {"one": 0.5}, {"one": EvidenceState.SHOWN_WORSE}, rule)
    assert capital.shares()["one"] == 0.0
    assert capital.baseline == pytest.approx(0.9 - 0.1 + 0.1)


def test_without_seeds_and_evidence_it_is_the_baseline() -> None:
    rule = CapitalRule(challengers=NAMES)
    capital, dice = rule.opening(), np.random.default_rng(1)
    for _ in range(100):
        capital = after_session(capital, dict(zip(NAMES, dice.uniform(0, 2, 3), strict=True)), {}, rule)
    assert capital.total == 1.0
    assert set(capital.shares().values()) == {0.0}
    assert Capital().total == 1.0
