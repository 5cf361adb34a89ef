"""The RL agents: the weighted vote as the score, agreement as the confidence, and each member shown by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agents.rl import RlAgent, RlMembersAgent, agreement
from core.types import Abstention, MarketView
from models.rl.artefacts import StoredMember
from models.rl.ensemble import EnsembleVote, MemberVote
from tests.panels import make_panel

TICKERS = {"AAPL": 0, "JPM": 1, "XOM": 2}
PANEL = make_panel(0, sessions=3, symbols=(*TICKERS, "KO"))
VIEW = MarketView(as_of=datetime(2030, 1, 1, tzinfo=UTC), bars=PANEL, source="test")
actions = st.lists(st.floats(-1, 1), min_size=3, max_size=3)


@dataclass(frozen=True)
class Card:
    """Of a member, what an agent shows."""

    name: str

    @property
    def model_id(self) -> str:
        return f"rl-{self.name}-20250101-abc"


def member(
    name: str, at: list[float], weight: float, *, no_vote_reason: str = "", trailing_sharpe: float | None = 1.25
) -> MemberVote:
    return MemberVote(
        member=cast(StoredMember, Card(name)), actions=np.array(at), weight=weight,
        trailing_sharpe=trailing_sharpe, no_vote_reason=no_vote_reason,
    )  # fmt: skip


def ensemble_vote(*members: MemberVote) -> EnsembleVote:
    voting = [one for one in members if one.weight > 0]
    total = sum(one.weight for one in voting)
    votes = (
        sum((one.weight * one.actions for one in voting), np.zeros(3)) / total if voting else np.full(3, np.nan)
    )
    return EnsembleVote(tickers=TICKERS, members=members, votes=votes)


class Ensemble:
    """Gives one answer; implements what the agents ask of an ensemble."""

    def __init__(self, answer: EnsembleVote | Abstention) -> None:
        self.answer = answer

    def vote(self, view: MarketView) -> EnsembleVote | Abstention:
        del view
        return self.answer


SILENT = member("ddpg", [1.0, 1.0, 1.0], 0.0, no_vote_reason="not better than chance", trailing_sharpe=None)
BOTH = ensemble_vote(member("ppo", [1.0, -0.5, np.nan], 0.6), member("a2c", [0.5, 0.75, np.nan], 0.4), SILENT)


def test_the_vote_is_the_score_and_the_members_agreement_the_confidence() -> None:
    analysis = RlAgent(Ensemble(BOTH)).signals(VIEW, ["JPM", "AAPL", "XOM", "KO"])
    made = {signal.symbol: signal for signal in analysis.signals}
    assert list(made) == ["JPM", "AAPL"]
    assert made["AAPL"].score == pytest.approx(0.6 * 1.0 + 0.4 * 0.5)
    assert made["JPM"].score == pytest.approx(0.6 * -0.5 + 0.4 * 0.75)
    assert made["AAPL"].confidence == 1.0
    assert made["JPM"].confidence == pytest.approx(0.0, abs=1e-12)  # 0.3 short against 0.3 long
    assert made["AAPL"].reason == "ppo +1.00 (weight 0.60), a2c +0.50 (weight 0.40)"
    assert made["AAPL"].model_id == "rl-ppo-20250101-abc+rl-a2c-20250101-abc"
    assert analysis.models == {"rl.ppo": "rl-ppo-20250101-abc", "rl.a2c": "rl-a2c-20250101-abc"}
    assert [(a.agent, a.symbol, a.reason) for a in analysis.abstentions] == [
        ("rl", "XOM", "its factors are missing"),
        ("rl", "KO", "its factors are missing"),
    ]


def test_while_no_member_may_vote_the_agent_abstains_and_gives_their_reasons() -> None:
    analysis = RlAgent(Ensemble(ensemble_vote(SILENT))).signals(VIEW, ["AAPL"])
    assert (analysis.signals, analysis.models) == ((), {})
    (abstained,) = analysis.abstentions
    assert (abstained.agent, abstained.symbol) == ("rl", "*")
    assert abstained.reason == "no member votes: ddpg: not better than chance"


@pytest.mark.parametrize("agent_type", [RlAgent, RlMembersAgent])
def test_without_a_model_both_pass_the_abstention_on(agent_type: type[RlAgent] | type[RlMembersAgent]) -> None:
    untrained = Abstention(agent="rl", reason="no RL model is trained yet")
    analysis = agent_type(Ensemble(untrained)).signals(VIEW, ["AAPL"])
    assert analysis.abstentions == (untrained,)
    assert not analysis.signals


def test_each_member_is_shown_with_its_action_its_weight_and_what_earned_it() -> None:
    analysis = RlMembersAgent(Ensemble(BOTH)).signals(VIEW, ["AAPL", "XOM"])
    shown = [(s.agent, s.symbol, s.score, s.confidence, s.reason) for s in analysis.signals]
    assert shown == [
        ("rl.ppo", "AAPL", 1.0, 0.6, "trailing Sharpe +1.25"),
        ("rl.a2c", "AAPL", 0.5, 0.4, "trailing Sharpe +1.25"),
        ("rl.ddpg", "AAPL", 1.0, 0.0, "not better than chance"),
        ("rl.ddpg", "XOM", 1.0, 0.0, "not better than chance"),
    ]
    assert set(analysis.models) == {"rl.ppo", "rl.a2c", "rl.ddpg"}
    new = RlMembersAgent(Ensemble(ensemble_vote(member("ppo", [0.0] * 3, 1.0, trailing_sharpe=None))))
    assert new.signals(VIEW, ["AAPL"]).signals[0].reason == "too few sessions since its training to weigh it by"


@given(st.lists(st.tuples(actions, st.floats(0.1, 1.0)), min_size=1, max_size=3))
def test_scores_and_confidences_are_bounded_and_turn_with_the_actions(
    given_members: list[tuple[list[float], float]],
) -> None:
    made = [member(f"m{i}", at, weight) for i, (at, weight) in enumerate(given_members)]
    turned = [member(f"m{i}", [-a for a in at], weight) for i, (at, weight) in enumerate(given_members)]
    plain, mirrored = (
        RlAgent(Ensemble(ensemble_vote(*members))).signals(VIEW, list(TICKERS)).signals
        for members in (made, turned)
    )
    assert len(plain) == len(TICKERS)
    for one, other in zip(plain, mirrored, strict=True):
        assert -1 <= one.score <= 1
        assert 0 <= one.confidence <= 1
        assert other.score == pytest.approx(-one.score)
        assert other.confidence == pytest.approx(one.confidence)


@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.1, 1)), min_size=1, max_size=3), st.sampled_from([-1, 1])
)
def test_members_that_point_one_way_agree_wholly(pulls: list[tuple[float, float]], way: int) -> None:
    one_way = [member("m", [way * action, 0.0, 0.0], weight) for action, weight in pulls]
    assert agreement(one_way, 0) == pytest.approx(1.0)
    assert agreement(one_way, 1) == 0.0  # nobody wants anything: nothing is agreed on


@given(actions, actions)
def test_agreement_is_the_net_of_the_pulls_over_their_sum(first: list[float], second: list[float]) -> None:
    voting = [member("ppo", first, 0.7), member("a2c", second, 0.3)]
    strength = 0.7 * abs(first[0]) + 0.3 * abs(second[0])
    assume(strength > 1e-9)
    net = abs(0.7 * first[0] + 0.3 * second[0])
    assert agreement(voting, 0) == pytest.approx(net / strength)
