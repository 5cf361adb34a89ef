"""A backtest's engine, wired: the daemon's team, limits, broker and ledger on a fixed panel in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.feeds.panel_feed import PanelFeed
from adapters.feeds.views import QuoteSource
from adapters.ledger import SqliteLedger
from adapters.ledger.deferred import DeferredLedger
from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore
from config.environment import OrderRoute
from config.loader import digest
from config.risk import RiskSettings
from config.trading import TradingSettings
from core.ports import Team
from core.tax_lots import LotTracker
from core.types import BarPanel
from pipeline.dependencies import EngineDependencies
from pipeline.engine import Engine
from pipeline.null_parts import NullEventBus, NullMemory, no_events
from risk.build import assemble_risk


@dataclass(frozen=True, kw_only=True)
class BacktestEngine:
    """An engine on a fixed panel, with the parts that a backtest moves or reads.

    Attributes
    ----------
    panel : BarPanel
        The bars after the quality gate, which the team's factors are computed from.
    """

    engine: Engine
    clock: ManualClock
    ledger: SqliteLedger
    panel: BarPanel


def build_backtest_engine(
    panel: BarPanel,
    trading: TradingSettings,
    risk: RiskSettings,
    team_of: Callable[[BarPanel], Team],
    *,
    exits: RiskSettings | None = None,
    source: str = "parquet",
    quotes: QuoteSource | None = None,
) -> BacktestEngine:
    """Wire an engine to a panel; nothing of it outlives the process.

    Parameters
    ----------
    team_of : callable
        Returns the team for the panel after the quality gate.
    exits : RiskSettings or None
        What the exit rules follow where that is not `risk`.
    quotes : callable or None
        Prices within the day; what it has none of is quoted at the session's opening price.
    """
    clock = ManualClock(datetime(1990, 1, 1, tzinfo=UTC))
    feed = PanelFeed(panel, trading.data, NyseCalendar(), source=source, quotes=quotes)
    ledger = DeferredLedger(route=OrderRoute.PAPER_BUILTIN)
    config_digest = digest(trading, risk)
    engine = Engine(
        EngineDependencies(
            clock=clock,
            feed=feed,
            broker=PaperBroker(trading.broker, clock, InMemoryPaperStore()),
            ledger=ledger,
            team=team_of(feed.panel),
            risk=assemble_risk(trading, lambda: risk, exits),
            events=NullEventBus(),
            publish_events=no_events,
            memory=NullMemory(),
            config_digest=lambda: config_digest,
            refresh_limits=lambda: (),
            route=OrderRoute.PAPER_BUILTIN.value,
            initial_cash=Decimal(repr(trading.broker.initial_cash_usd)),
            lots=LotTracker(pick=trading.taxes.pick_lots),
        )
    )
    return BacktestEngine(engine=engine, clock=clock, ledger=ledger, panel=feed.panel)


def rebuilt(made: BacktestEngine, **parts: Any) -> BacktestEngine:
    """Return a backtest engine that has taken no step yet, with other parts (fields of `EngineDependencies`)."""
    return replace(made, engine=Engine(replace(made.engine.parts, **parts)))
