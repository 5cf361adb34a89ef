"""A shadow book's engine, beside the daemon's account or a backtest's."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from config.environment import OrderRoute
from config.loader import digest
from config.risk import RiskSettings
from config.trading import TradingSettings
from core.ports import Team
from core.tax_lots import ALL_FILLS, tracked_lots
from pipeline.dependencies import EngineDependencies
from pipeline.engine import Engine
from pipeline.null_parts import NullEventBus, NullMemory, no_events
from pipeline.shadow import SeenView, ShadowTeam
from risk.build import assemble_risk

if TYPE_CHECKING:
    from adapters.ledger import SqliteLedger
    from adapters.paper.broker import PaperBroker


def shadow_engine(
    trading: TradingSettings,
    risk: RiskSettings,
    seen: SeenView,
    broker: PaperBroker,
    ledger: SqliteLedger,
    team: Team,
) -> Engine:
    """Return a shadow book's engine: on what the account saw, heard by nobody."""
    config_digest = digest(trading, risk)
    return Engine(
        EngineDependencies(
            clock=seen,
            feed=seen,
            broker=broker,
            ledger=ledger,
            team=ShadowTeam(team),
            risk=assemble_risk(trading, lambda: risk),
            events=NullEventBus(),
            publish_events=no_events,
            memory=NullMemory(),
            config_digest=lambda: config_digest,
            refresh_limits=lambda: (),
            route=OrderRoute.PAPER_BUILTIN.value,
            initial_cash=Decimal(repr(trading.broker.initial_cash_usd)),
            lots=tracked_lots(ledger.fills(ALL_FILLS), trading.taxes.pick_lots),
        )
    )
