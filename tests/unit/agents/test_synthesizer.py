"""The vote: weights renormalise over who spoke, an abstention is not a zero, thresholds are exact."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.agent import centred_ranks
from agents.quant import score_of
from agents.synthesizer import Synthesizer, implied_probability, weigh
from config.trading import SynthesizerSettings
from config.weights import AgentWeights
from core.cycles import DECIDE, DECIDE_V2, RISK_CHECK
from core.types import Action, MarketAnalysis, Portfolio, Position, Signal

AGENTS = ("market", "quant", "rl", "sentiment", "momentum", "regime")
WEIGHTS = AgentWeights().model_dump()


def signal(agent: str, score: float, symbol: str = "AAPL") -> Signal:
    return Signal(agent=agent, symbol=symbol, score=score, confidence=0.5, reason="because")


def held(symbol: str) -> Portfolio:
    position = Position(
        symbol=symbol,
        quantity=Decimal(1),
        average_price=Decimal(100),
        entry_at=datetime(2024, 1, 2, tzinfo=UTC),
        entry_session=date(2024, 1, 2),
        peak_price=Decimal(100),
        last_price=Decimal(100),
    )
    return Portfolio(cash=Decimal(0), positions={symbol: position})


@given(st.dictionaries(st.sampled_from(AGENTS), st.floats(-1, 1), min_size=1))
@settings(max_examples=50)
def test_weights_sum_to_one_over_who_spoke(scores: dict[str, float]) -> None:
    votes = weigh([signal(agent, score) for agent, score in scores.items()], WEIGHTS)
    assert sum(vote.weight for vote in votes) == pytest.approx(1.0)
    ratio = {vote.signal.agent: vote.weight / WEIGHTS[vote.signal.agent] for vote in votes}
    assert max(ratio.values()) == pytest.approx(min(ratio.values()))


def test_an_abstention_is_not_a_zero() -> None:
    team = Synthesizer(SynthesizerSettings())
    alone = MarketAnalysis(signals=(signal("market", 0.5),), candidates=("AAPL",))
    with_zero = MarketAnalysis(signals=(signal("market", 0.5), signal("quant", 0.0)), candidates=("AAPL",))
    book = Portfolio(cash=Decimal(1))
    assert team.decide(alone, book, DECIDE)[0].score == pytest.approx(0.5)
    assert team.decide(with_zero, book, DECIDE)[0].score == pytest.approx(0.2)
    assert team.decide(alone, book, DECIDE)[0].action is Action.ENTER
    assert team.decide(with_zero, book, DECIDE)[0].action is Action.HOLD


@pytest.mark.parametrize(
    ("score", "is_held", "action"),
    [
        (0.35, False, Action.HOLD),
        (0.3501, False, Action.ENTER),
        (0.9, True, Action.HOLD),
        (-0.2, True, Action.HOLD),
        (-0.2001, True, Action.EXIT),
        (-0.9, False, Action.HOLD),
    ],
)
def test_thresholds(score: float, is_held: bool, action: Action) -> None:
    analysis = MarketAnalysis(signals=(signal("market", score),), candidates=("AAPL",))
    book = held("AAPL") if is_held else Portfolio(cash=Decimal(1))
    (decision,) = Synthesizer(SynthesizerSettings()).decide(analysis, book, DECIDE)
    assert decision.action is action
    assert any("market" in reason for reason in decision.reasons)


def test_a_name_that_is_no_candidate_is_never_bought_but_a_held_one_is_judged() -> None:
    team = Synthesizer(SynthesizerSettings())
    analysis = MarketAnalysis(signals=(signal("market", 0.9), signal("market", -0.9, "MSFT")))
    assert team.decide(analysis, Portfolio(cash=Decimal(1)), DECIDE) == ()
    (decision,) = team.decide(analysis, held("MSFT"), DECIDE)
    assert (decision.symbol, decision.action) == ("MSFT", Action.EXIT)


def test_no_votes_means_hold_and_says_so() -> None:
    (decision,) = Synthesizer(SynthesizerSettings()).decide(
        MarketAnalysis(candidates=("AAPL",)), Portfolio(cash=Decimal(1)), DECIDE
    )
    assert (decision.action, decision.rule) == (Action.HOLD, "no_votes")


def test_the_legacy_vote_has_its_own_weights_and_the_risk_check_none() -> None:
    analysis = MarketAnalysis(signals=(signal("rsi", 1.0), signal("market", 0.0)), candidates=("AAPL",))
    team = Synthesizer(SynthesizerSettings())
    (decision,) = team.decide(analysis, Portfolio(cash=Decimal(1)), DECIDE_V2)
    assert decision.score == pytest.approx(0.15 / 0.40)
    assert team.decide(analysis, Portfolio(cash=Decimal(1)), RISK_CHECK) == ()


@given(st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(float("nan"))), max_size=30))
@settings(max_examples=50)
def test_centred_ranks_are_monotone_and_bounded(values: list[float]) -> None:
    array = np.array(values, dtype=float)
    ranks = centred_ranks(array)
    finite = np.isfinite(array)
    assert (np.isfinite(ranks) == finite).all()
    assert (np.abs(ranks[finite]) <= 1).all()
    order = np.argsort(array[finite], kind="stable")
    assert (np.diff(ranks[finite][order]) >= 0).all()
    assert ranks[finite].sum() == pytest.approx(0.0, abs=1e-9)


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999))
@settings(max_examples=50)
def test_the_quant_vote_grows_with_the_probability(low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert -1 <= score_of(low, 0.25) <= score_of(high, 0.25) <= 1
    assert score_of(0.25, 0.25) == pytest.approx(0.0)


@given(st.floats(0.01, 0.9))
@settings(max_examples=50)
def test_a_ranker_that_speaks_alone_gets_its_probability_back(p: float) -> None:
    assert implied_probability(score_of(p, 0.25)) == pytest.approx(p)


@given(st.floats(-1, 1), st.floats(-1, 1))
@settings(max_examples=50)
def test_the_implied_probability_grows_with_the_score(low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert 0 <= implied_probability(low) <= implied_probability(high) <= 1
