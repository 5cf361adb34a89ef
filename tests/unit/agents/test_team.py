"""The team: who is heard on what, in which order, what is kept, and that a wrong wiring fails at the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.agent import Agent, NullAgent
from agents.build import assemble_team
from agents.quant import QuantAgent, RankerProvider
from agents.synthesizer import Synthesizer
from agents.team import Agents
from config.trading import SynthesizerSettings, TradingSettings
from core.cycles import CYCLES, DECIDE, DECIDE_V2, RISK_CHECK, SCAN, Cycle
from core.errors import InvariantError
from core.types import Abstention, Action, MarketAnalysis, MarketView, Portfolio, Position, RankedStock, Signal
from models.factors.store import FactorStore
from tests.default_universe import SECTOR_ETF_OF
from tests.panels import make_panel

STOCKS = ("AAPL", "JPM", "XOM")
PANEL = make_panel(1, sessions=40, symbols=(*STOCKS, "KO", "SPY", "XLF"))
NO_RANKER = Abstention(agent="quant", reason="no ranker is trained yet")
NAMES = ("market", "rl", "rl_members", "sentiment", "momentum", "regime", "rsi")
FACTORS = FactorStore(SECTOR_ETF_OF)


class Untrained:
    """Provides no ranker, whatever is asked of it."""

    def __getattr__(self, name: str) -> Callable[[MarketView], Abstention]:
        return lambda view: NO_RANKER


NO_PROVIDER = cast(RankerProvider, Untrained())


class Speaker:
    """Says what it is given, and remembers what it was asked about."""

    def __init__(self, name: str, said: MarketAnalysis | None = None) -> None:
        self.name = name
        self.said = said
        self.asked: list[list[str]] = []

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        del view
        self.asked.append(list(symbols))
        if self.said is not None:
            return self.said
        made = (Signal(agent=self.name, symbol=s, score=0.5, confidence=1.0, reason="r") for s in symbols)
        return MarketAnalysis(signals=tuple(made))


def quant() -> QuantAgent:
    return QuantAgent(NO_PROVIDER, FACTORS, STOCKS, dict.fromkeys(STOCKS, "a sector"), 0.4)


def team_of(agents: Sequence[Agent], allocator: Agent | None = None, plugins: Agent | None = None) -> Agents:
    heard = {agent.name for agent in agents}
    rest = [NullAgent(name, "left out") for name in NAMES if name not in heard]
    synthesizer = Synthesizer(SynthesizerSettings())
    return Agents(quant(), [*agents, *rest], synthesizer, FACTORS, STOCKS, allocator, plugins=plugins)


def view(rows: int = 40, stale: Mapping[str, str] | None = None) -> MarketView:
    bars = PANEL.prefix(rows)
    at = bars.known_at[-1].item().replace(tzinfo=UTC) if rows else datetime(2022, 1, 1, tzinfo=UTC)
    return MarketView(as_of=at + timedelta(minutes=1), bars=bars, stale=stale or {}, source="test")


def holding(*symbols: str) -> Portfolio:
    positions = {
        symbol: Position(
            symbol=symbol, quantity=Decimal(1), average_price=Decimal(10), peak_price=Decimal(10),
            last_price=Decimal(10), entry_at=datetime(2022, 1, 3, tzinfo=UTC),
            entry_session=datetime(2022, 1, 3, tzinfo=UTC).date(),
        )
        for symbol in symbols
    }  # fmt: skip
    return Portfolio(cash=Decimal(100), positions=positions)


def test_agents_are_heard_in_the_cycles_order_and_no_other_is() -> None:
    speakers = [Speaker(name) for name in NAMES]
    analysis = team_of(speakers).analyse(view(), holding(), DECIDE_V2)
    heard = list(dict.fromkeys(signal.agent for signal in analysis.signals))
    assert heard == list(DECIDE_V2.agents)
    assert {s.name for s in speakers if s.asked} == set(DECIDE_V2.agents)
    team_of(speakers).analyse(view(), holding(), RISK_CHECK)
    assert sum(len(s.asked) for s in speakers) == len(DECIDE_V2.agents)


@settings(max_examples=30, deadline=None)
@given(
    st.sets(st.sampled_from([*STOCKS, "KO", "TSLA"])),
    st.sets(st.sampled_from([*STOCKS, "KO"])),
    st.sets(st.sampled_from([*STOCKS, "KO", "TSLA"])),
)
def test_an_agent_is_asked_of_watched_and_held_stocks_with_fresh_bars(
    held: set[str], stale: set[str], named: set[str]
) -> None:
    market = Speaker("market")
    cycle = replace(SCAN, symbols=tuple(sorted(named)))
    team_of([market]).analyse(view(stale=dict.fromkeys(stale, "old")), holding(*held), cycle)
    wanted = named or {*STOCKS, *held}
    assert [sorted(asked) for asked in market.asked] == [sorted((wanted - stale) - {"TSLA"})]


def test_what_counts_as_evidence_is_said_of_members_of_the_day_with_fresh_bars() -> None:
    member = PANEL.member.copy()
    member[:, PANEL.column["JPM"]] = False
    seen = replace(view(stale={"XOM": "old"}), bars=replace(PANEL, member=member))
    market = Speaker("market")
    assert {(signal.agent, signal.symbol) for signal in team_of([market]).say(seen)} == {("market", "AAPL")}
    assert market.asked == [["AAPL"]]


def test_only_watched_stocks_become_candidates_and_the_first_to_say_something_is_kept() -> None:
    sector_stocks = MarketAnalysis(candidates=("KO", "AAPL"), models={"market": "m"}, targets={"AAPL": 0.1})
    momentum = MarketAnalysis(candidates=("XOM",), models={"momentum": "n"}, targets={"XOM": 0.2})
    analysis = team_of([Speaker("market", sector_stocks), Speaker("momentum", momentum)]).analyse(
        view(), holding("KO"), SCAN
    )
    assert analysis.candidates == ("AAPL", "XOM")
    assert analysis.models == {"market": "m", "momentum": "n"}
    assert analysis.targets == {"AAPL": 0.1}


def test_without_any_bar_nobody_is_heard() -> None:
    market = Speaker("market")
    assert team_of([market]).analyse(view(0), holding("AAPL"), SCAN) == MarketAnalysis()
    assert market.asked == []


@pytest.mark.parametrize(
    ("cycle", "allocates"),
    [
        (DECIDE, True),
        (replace(DECIDE, entries=False), False),
        (DECIDE_V2, False),
        (RISK_CHECK, False),
        (SCAN, False),
    ],
)
def test_the_allocator_is_heard_where_the_cycle_allocates(cycle: Cycle, allocates: bool) -> None:
    allocator = Speaker("diversified", MarketAnalysis(targets={"AAPL": 0.2, "XOM": 0.1}))
    team = team_of([], allocator)
    analysis = team.analyse(view(), holding("JPM"), cycle)
    assert len(allocator.asked) == int(allocates)
    assert analysis.targets == ({"AAPL": 0.2, "XOM": 0.1} if allocates else {})
    decisions = {decision.symbol: decision.action for decision in team.decide(analysis, holding("JPM"), cycle)}
    if allocates:
        assert decisions == {"AAPL": Action.ENTER, "JPM": Action.EXIT, "XOM": Action.ENTER}
    else:
        assert Action.ENTER not in decisions.values()


def test_the_range_is_given_for_what_is_held_and_known() -> None:
    analysis = team_of([]).analyse(view(), holding("AAPL", "KO", "TSLA"), RISK_CHECK)
    assert set(analysis.atr) == {"AAPL", "KO"}
    high, low, close = (array[:, PANEL.column["AAPL"]] for array in (PANEL.high, PANEL.low, PANEL.close))
    ranges = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    wilder = ranges[:14].mean()
    for one in ranges[14:]:
        wilder = (13 * wilder + one) / 14
    assert analysis.atr["AAPL"] == pytest.approx(wilder)
    assert team_of([]).analyse(view(10), holding("AAPL"), RISK_CHECK).atr == {}


def test_what_explains_the_symbols_decided_on_is_kept() -> None:
    ranking = tuple(
        RankedStock(
            symbol=s, rank=i, p_outperform=0.5, sector="a sector", price=1.0, factors={}, model_id="m",
        )
        for i, s in enumerate(STOCKS, start=1)
    )  # fmt: skip
    abstentions = tuple(Abstention(agent="rsi", symbol=s, reason="r") for s in ("*", *STOCKS))
    signals = (Signal(agent="market", symbol="AAPL", score=0.1, confidence=1.0, reason="r"),)
    analysis = MarketAnalysis(ranking=ranking, abstentions=abstentions, signals=signals, candidates=("AAPL",))
    kept = team_of([]).explain(view(), analysis, ["XOM"])
    assert [stock.symbol for stock in kept.ranking] == ["XOM"]
    assert [abstention.symbol for abstention in kept.abstentions] == ["*", "XOM"]
    assert (kept.signals, kept.candidates) == ((), ("AAPL",))


def test_a_cycle_that_asks_for_an_agent_nobody_is_fails_at_the_start() -> None:
    agents = [NullAgent(name, "left out") for name in NAMES if name != "momentum"]
    with pytest.raises(InvariantError, match=r"not in the team \(momentum\)") as caught:
        Agents(quant(), agents, Synthesizer(SynthesizerSettings()), FACTORS, STOCKS)
    assert "agents/build.py" in caught.value.hint
    team = Agents(quant(), agents, Synthesizer(SynthesizerSettings()), FACTORS, STOCKS, cycles=[RISK_CHECK])
    with pytest.raises(InvariantError, match="not in the team"):
        team.analyse(view(), holding(), SCAN)


def test_a_vote_without_a_weight_fails_at_the_start() -> None:
    strange = replace(DECIDE, agents=(*DECIDE.agents, "rsi"))
    with pytest.raises(InvariantError, match=r"synthesizer\.weights has no weight for \(rsi\)"):
        Synthesizer(SynthesizerSettings(), cycles=[strange])
    Synthesizer(SynthesizerSettings(), cycles=[replace(SCAN, agents=("rsi",)), *CYCLES])


@pytest.mark.parametrize("allocation", ["votes", "diversified", "baseline"])
def test_the_team_as_assembled_can_hear_every_cycle_there_is(allocation: str) -> None:
    trading = TradingSettings.model_validate({"synthesizer": {"allocation": allocation}})
    team = assemble_team(trading, NO_PROVIDER, FactorStore(SECTOR_ETF_OF))
    for cycle in CYCLES:
        analysis = team.analyse(view(), holding("AAPL"), cycle)
        spoken = {s.agent for s in analysis.signals} | {a.agent for a in analysis.abstentions}
        assert set(cycle.agents) <= spoken
