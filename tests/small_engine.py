"""An engine on a few stocks, with what a test wants decided: real broker, ledger, limits and feed, no models."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.feeds.panel_feed import PanelFeed
from adapters.ledger import SqliteLedger
from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore
from config.broker import BrokerSettings
from config.environment import OrderRoute
from config.risk import RiskSettings
from config.trading import TradingSettings
from core.cycles import DECIDE_AND_SEND
from core.types import (
    Action,
    BarPanel,
    Cycle,
    Decision,
    Event,
    MarketAnalysis,
    MarketView,
    Portfolio,
    StepReport,
)
from pipeline.dependencies import EngineDependencies
from pipeline.engine import Engine
from pipeline.null_parts import NullMemory, no_events
from risk.build import assemble_risk

PRICES = {"AAPL": 100.0, "JPM": 50.0, "SPY": 400.0, "XOM": 80.0}
DAYS = np.arange("2024-01-22", "2024-02-03", dtype="datetime64[D]")
SESSIONS = DAYS[np.is_busday(DAYS)]
CASH = Decimal(100_000)


def level_panel() -> BarPanel:
    """Ten sessions in which no price moves."""
    table = np.tile(np.array(list(PRICES.values())), (len(SESSIONS), 1))
    known_at = (SESSIONS + np.timedelta64(21, "h")).astype("datetime64[us]")
    return BarPanel(
        sessions=SESSIONS, known_at=known_at, symbols=tuple(PRICES), open=table, high=table + 1, low=table - 1,
        close=table, volume=np.full(table.shape, 1e6),
    )  # fmt: skip


def at_close(row: int) -> datetime:
    """When the session's bar is known."""
    moment: datetime = level_panel().known_at[row].item()
    return moment.replace(tzinfo=UTC)


def enter(symbol: str, weight: float = 0.1) -> Decision:
    return Decision(
        symbol=symbol, action=Action.ENTER, score=0.5, confidence=1.0, rule="score", target_weight=weight
    )


def leave(symbol: str) -> Decision:
    return Decision(symbol=symbol, action=Action.EXIT, score=-0.5, confidence=1.0, rule="score")


@dataclass(slots=True)
class Wanted:
    """A team that decides what its test wants; implements `core.ports.Team`."""

    decisions: Sequence[Decision] = ()

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        del view, portfolio, cycle
        return MarketAnalysis()

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        del analysis, portfolio
        return tuple(self.decisions) if cycle.kind.decides else ()

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        del view, symbols
        return analysis


@dataclass(slots=True)
class Published:
    """Keeps what was published; implements `core.ports.EventSink`."""

    events: list[Event] = field(default_factory=list)

    def publish(self, topic: str, at: datetime, data: Mapping[str, Any]) -> Event:
        event = Event(topic=topic, sequence=len(self.events), at=at, data=data)
        self.events.append(event)
        return event

    def alerts(self) -> list[str]:
        return [str(event.data["message"]) for event in self.events if event.topic == "risk.alert"]


@dataclass(slots=True, kw_only=True)
class SmallEngine:
    """The engine with the parts that a test moves or reads."""

    engine: Engine
    clock: ManualClock
    broker: PaperBroker
    ledger: SqliteLedger
    published: Published
    team: Wanted
    limits: list[RiskSettings]

    def set_limits(self, part: str, **values: Any) -> None:
        """Let other limits be in force from now on."""
        section = getattr(self.limits[0], part).model_copy(update=values)
        self.limits[0] = self.limits[0].model_copy(update={part: section})


def small_engine(
    *,
    broker_type: type[PaperBroker] = PaperBroker,
    continued: SmallEngine | None = None,
    cash_tolerance_pct: float = 0.0,
    follows_account: bool = False,
) -> SmallEngine:
    """Wire an engine at the close of the first session; `continued` is the one whose files it opens again."""
    trading = TradingSettings(broker=BrokerSettings(spread_bps=0.0, slippage_bps=0.0, fee_bps=0.0))
    clock = continued.clock if continued else ManualClock(at_close(0))
    broker = continued.broker if continued else broker_type(trading.broker, clock, InMemoryPaperStore())
    ledger = continued.ledger if continued else SqliteLedger(None, route=OrderRoute.PAPER_BUILTIN)
    limits, team, published = [RiskSettings()], Wanted(), Published()
    engine = Engine(
        EngineDependencies(
            clock=clock,
            feed=PanelFeed(level_panel(), trading.data, NyseCalendar(), source="test"),
            broker=broker,
            ledger=ledger,
            team=team,
            risk=assemble_risk(trading, lambda: limits[0]),
            events=published,
            publish_events=no_events,
            memory=NullMemory(),
            config_digest=lambda: "test",
            refresh_limits=lambda: (),
            route=OrderRoute.PAPER_BUILTIN.value,
            initial_cash=CASH,
            cash_tolerance_pct=cash_tolerance_pct,
            follows_account=follows_account,
        )
    )
    return SmallEngine(
        engine=engine, clock=clock, broker=broker, ledger=ledger, published=published, team=team, limits=limits
    )


def lived() -> tuple[SmallEngine, list[StepReport]]:
    """Take three deciding steps, in which a purchase is decided and filled."""
    small, steps = small_engine(), []
    small.team.decisions = (enter("AAPL"),)
    for row in range(3):
        small.clock.set(at_close(row))
        steps.append(small.engine.step(DECIDE_AND_SEND))
    assert any(step.fills for step in steps)
    return small, steps
