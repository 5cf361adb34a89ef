"""An agent that sizes the portfolio: causal, abstains without history; and what the synthesizer does with it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from agents.allocation import AllocationAgent, allocator_of
from agents.synthesizer import Synthesizer, hold_targets
from config.trading import SynthesizerSettings
from core.cycles import DECIDE
from core.types import Action, BarPanel, MarketAnalysis, MarketView, Portfolio, Position, Signal
from tests.panels import make_panel

ALLOCATIONS = {"diversified": 252, "baseline": 25}


def settings_for(allocation: str) -> SynthesizerSettings:
    return SynthesizerSettings.model_validate({"allocation": allocation})


def agent_of(allocation: str, stocks: list[str]) -> AllocationAgent:
    agent = allocator_of(stocks, settings_for(allocation))
    assert isinstance(agent, AllocationAgent)
    return agent


def test_votes_have_no_allocator() -> None:
    assert allocator_of(["AAPL"], SynthesizerSettings()) is None


def view_of(panel: BarPanel) -> MarketView:
    at = panel.known_at[-1].astype("datetime64[us]").astype(datetime).replace(tzinfo=UTC)
    return MarketView(as_of=at, bars=panel, source="test")


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_it_knows_only_the_prefix_and_abstains_without_history(allocation: str) -> None:
    panel = make_panel(3, 330)
    stocks = [s for s in panel.symbols if s != "SPY"]
    prefix = panel.prefix(300)
    alone = BarPanel(
        sessions=prefix.sessions, known_at=prefix.known_at, symbols=prefix.symbols, open=prefix.open.copy(),
        high=prefix.high.copy(), low=prefix.low.copy(), close=prefix.close.copy(), volume=prefix.volume.copy(),
    )  # fmt: skip
    said = agent_of(allocation, stocks).signals(view_of(prefix), stocks)
    assert said.targets
    assert said == agent_of(allocation, stocks).signals(view_of(alone), stocks)
    short = agent_of(allocation, stocks).signals(view_of(panel.prefix(ALLOCATIONS[allocation] - 5)), stocks)
    assert not short.targets
    assert f"{ALLOCATIONS[allocation]} sessions" in short.abstentions[0].reason


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_targets_become_entries_resizes_and_exits_with_the_votes_beside_them(allocation: str) -> None:
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
    decisions = hold_targets(
        analysis, Portfolio(cash=Decimal(1), positions=held), DECIDE, settings_for(allocation)
    )
    small = [("GE", Action.ENTER, 0.001)] if allocation == "baseline" else []  # the baseline enters every name
    assert [(d.symbol, d.action, d.target_weight) for d in decisions] == [
        *small,
        ("KO", Action.RESIZE, 0.05),
        ("PG", Action.EXIT, None),
        ("XOM", Action.ENTER, 0.04),
    ]
    assert [(vote.signal.agent, vote.weight) for vote in decisions[len(small)].votes] == [("quant", 0.0)]


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_where_the_allocator_abstains_votes_do_not_decide_in_its_place(allocation: str) -> None:
    signal = Signal(agent="quant", symbol="KO", score=0.9, confidence=1.0, reason="cheap")
    analysis = MarketAnalysis(candidates=("KO",), signals=(signal,))
    empty = Portfolio(cash=Decimal(1000))
    assert Synthesizer(settings_for(allocation)).decide(analysis, empty, DECIDE) == ()
    (voted,) = Synthesizer(SynthesizerSettings()).decide(analysis, empty, DECIDE)
    assert voted.action is Action.ENTER
