"""What an engine is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from core.loss_sales import TaxLots
from core.ports import Broker, Clock, EventSink, Feed, Ledger, MemoryWriter, RiskManager, Team
from core.protection import StopSupervisor
from core.types import Cycle, StepReport, TradingState
from pipeline.account_check import AccountCheck, NoAccountCheck
from pipeline.null_parts import NullLots, NullProtection


@dataclass(frozen=True, kw_only=True)
class EngineDependencies:
    """What an engine is made of; only `daemon.wiring` and the backtest put it together.

    Attributes
    ----------
    publish_events : callable
        Publishes a report's events, given the trading state before it.
    config_digest : callable
        Returns the SHA-256 of the settings in force.
    refresh_limits : callable
        Rereads watched limits; returns alerts when an edit was refused.
    route : str
        Where orders go, in words; written on every order.
    cash_tolerance_pct : float
        Share of equity by which cash may differ from the broker's at a start and still be taken over (fees,
        interest, dividends).
    follows_account : bool
        Whether the portfolio is the broker account's at each start: a dry run has none of its own.
    protection : StopSupervisor
        Leaves the stops of what is held where they outlive the process.
    account_check : AccountCheck or NoAccountCheck
        Compares the ledger with an account that others change too.
    lots : TaxLots
        Says which losses a purchase, or the sale of a part, would disallow for the tax.
    admit : callable
        Returns a cycle as it may run now: without entries where a person has to confirm them first.
    watched : tuple of str
        Symbols of the feed that the universe does not know; each report names them.
    """

    clock: Clock
    feed: Feed
    broker: Broker
    ledger: Ledger
    team: Team
    risk: RiskManager
    events: EventSink
    publish_events: Callable[[StepReport, TradingState], None]
    memory: MemoryWriter
    config_digest: Callable[[], str]
    refresh_limits: Callable[[], Sequence[str]]
    route: str
    initial_cash: Decimal
    cash_tolerance_pct: float = 0.0
    follows_account: bool = False
    protection: StopSupervisor = field(default_factory=NullProtection)
    account_check: AccountCheck | NoAccountCheck = field(default_factory=NoAccountCheck)
    lots: TaxLots = field(default_factory=NullLots)
    admit: Callable[[Cycle], Cycle] = lambda cycle: cycle
    watched: tuple[str, ...] = ()
