"""What evidence changes: the votes that count, and the targets of the evidence profile."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.evidence import Challenger, EvidenceAgent, NoEvidence
from agents.synthesizer import Synthesizer
from agents.team import votes_earned
from config.trading import SynthesizerSettings
from core.cycles import DECIDE
from core.types import Action, MarketAnalysis, MarketView, Portfolio, Signal
from pipeline.account import opening_portfolio
from tests.small_engine import CASH, at_close, small_engine

BASE = {"AAPL": 0.5, "JPM": 0.3}


def view() -> MarketView:
    return small_engine().engine.parts.feed.view(at_close(2))


class Base:
    name = "baseline"

    def signals(self, view: MarketView, symbols: object) -> MarketAnalysis:
        del view, symbols
        return MarketAnalysis(targets=BASE, candidates=tuple(BASE))


class Earned(NoEvidence):
    def __init__(self, challengers: Mapping[str, Challenger]) -> None:
        self._challengers = challengers

    def challengers(self, view: MarketView) -> Mapping[str, Challenger]:
        del view
        return self._challengers


def test_without_evidence_it_is_the_baseline() -> None:
    assert EvidenceAgent(Base(), NoEvidence()).signals(view(), ["AAPL"]).targets == BASE


@given(st.floats(0, 0.3), st.floats(0, 1), st.floats(0, 1))
def test_a_challenger_gets_its_share_of_each_of_its_holdings(share: float, first: float, second: float) -> None:
    weights = {"AAPL": first / 2, "XOM": second / 2}
    agent = EvidenceAgent(Base(), Earned({"one": Challenger(share=share, weights=weights)}))
    targets = agent.signals(view(), list(BASE)).targets
    assert targets["AAPL"] == pytest.approx((1 - share) * 0.5 + share * first / 2)
    assert targets["JPM"] == pytest.approx((1 - share) * 0.3)
    assert targets["XOM"] == pytest.approx(share * second / 2)
    assert sum(targets.values()) <= 1


def said(*agents: tuple[str, float]) -> MarketAnalysis:
    signals = [
        Signal(agent=name, symbol="AAPL", score=score, confidence=1.0, reason="") for name, score in agents
    ]
    return MarketAnalysis(candidates=("AAPL",), signals=tuple(signals))


def decided(analysis: MarketAnalysis) -> tuple[Action, float, tuple[str, ...]]:
    portfolio: Portfolio = opening_portfolio(CASH)
    (decision,) = Synthesizer(SynthesizerSettings()).decide(analysis, portfolio, DECIDE)
    return decision.action, decision.score, decision.reasons


def test_where_votes_are_earned_only_the_shown_count() -> None:
    analysis = said(("quant", -1.0), ("momentum", 0.8))
    assert decided(analysis)[0] is Action.HOLD
    earned = msgspec.structs.replace(analysis, counted=votes_earned({"momentum"}).counted)
    action, score, _ = decided(earned)
    assert action is Action.ENTER
    assert score == pytest.approx(0.8)


def test_where_nobody_has_earned_a_vote_nothing_is_bought() -> None:
    analysis = msgspec.structs.replace(said(("quant", 1.0)), counted=votes_earned(()).counted)
    action, _, reasons = decided(analysis)
    assert action is Action.HOLD
    assert "counts" in reasons[0]


def test_the_record_of_an_analysis_says_whose_votes_counted_and_is_as_it_was_where_all_do() -> None:
    assert b"counted" not in msgspec.json.encode(MarketAnalysis())
    part = votes_earned({"quant", "market"})
    assert part.models == {"votes": "earned by market, quant"}
    assert msgspec.json.decode(msgspec.json.encode(part), type=MarketAnalysis) == part
