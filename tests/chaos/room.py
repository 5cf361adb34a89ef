"""The engine under test: real parts on a state directory and a broker's address, as the daemon wires them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from requests.adapters import HTTPAdapter

from adapters.alpaca.account_source import AlpacaAccount
from adapters.alpaca.activities import AccountActivities
from adapters.alpaca.broker import AlpacaBroker
from adapters.alpaca.capital import WHOLE_ACCOUNT
from adapters.alpaca.order_tracker import OrderTracker, listed_since
from adapters.alpaca.resting_stops import RestingStops
from adapters.alpaca.trade_updates import TradeUpdates, connect_stream
from adapters.alpaca.trading_client import AlpacaApi, Patience, connect
from adapters.clock import ManualClock
from adapters.events.hub import EventHub
from adapters.ledger import SqliteLedger
from adapters.ledger.schema import LEDGER
from adapters.run_store import FileRunStore
from config.environment import OrderRoute
from config.risk import CircuitBreakers, DailyLimits, PortfolioLimits, RiskSettings
from core.schedule import RunStore
from pipeline.account_check import AccountCheck
from pipeline.dependencies import EngineDependencies
from pipeline.engine import Engine
from pipeline.null_parts import NullMemory
from pipeline.protection import RestingProtection
from pipeline.report_events import publish_events_to
from risk.build import brackets_by
from risk.manager import RuleBasedRiskManager
from tests.chaos.kills import DeadlyAdapter, DeadlyDatabase, DeadlyRuns, Executioner
from tests.chaos.market import CALENDAR, Market, MarketFeed
from tests.chaos.pump import Pump
from tests.chaos.team import DiceTeam
from tests.default_universe import SECTOR_OF
from tests.servers.alpaca_broker import KEY, SECRET

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient

PATIENCE = Patience(timeout_seconds=0.5, attempts=3, wait_seconds_first=0.001, wait_seconds_max=0.002)
PUMPED_SECONDS = 0.02
"""A time-out where the answer is in the socket before it is waited for."""
WAITS_SECONDS = (0.0, 0.001)
CASH_TOLERANCE_PCT = 0.005
LIMITS = RiskSettings(
    daily_limits=DailyLimits(max_daily_loss_pct=-0.5, max_daily_trades=500),
    circuit_breakers=CircuitBreakers(max_drawdown_pct=-0.9, max_consecutive_faults=5),
    portfolio_limits=PortfolioLimits(max_positions=8),
)


@dataclass(frozen=True, kw_only=True)
class Room:
    """An engine with what its process owns.

    Attributes
    ----------
    runs : RunStore
        The jobs' memory in the state directory.
    """

    engine: Engine
    clock: ManualClock
    ledger: SqliteLedger
    hub: EventHub
    runs: RunStore


def furnish(
    home: Path,
    url: str,
    seed: int,
    market: Market,
    clock: ManualClock,
    *,
    hub: EventHub | None = None,
    executioner: Executioner | None = None,
    pump: Pump | None = None,
    wake: Callable[[], None] | None = None,
) -> Room:
    """Build the engine from what the state directory holds; it has not recovered yet.

    Parameters
    ----------
    pump : Pump or None
        What serves the broker from this thread, if anything does.
    wake : callable or None
        With it the broker's stream is listened to, and what it tells calls `wake`.
    """
    ends = executioner or Executioner()
    hub = hub or EventHub(log_events_max=100)
    database = DeadlyDatabase(home / "ledger.sqlite", LEDGER)
    database.executioner = ends
    ledger = SqliteLedger(None, route=OrderRoute.ALPACA_PAPER, database=database)
    broker, stops, check = _broker(_client(url, ends, pump), url, ledger, clock, wake)
    initial_cash = Decimal(0) if ledger.portfolio() is not None else broker.account().cash
    parts = EngineDependencies(
        clock=clock,
        feed=MarketFeed(market),
        broker=broker,
        ledger=ledger,
        team=DiceTeam(seed),
        risk=RuleBasedRiskManager(
            settings_of=lambda: LIMITS, sector_of=SECTOR_OF, fractional_shares=True, cost_bps=3.0
        ),
        events=hub,
        publish_events=publish_events_to(hub),
        memory=NullMemory(),
        config_digest=lambda: "chaos",
        refresh_limits=lambda: (),
        route=OrderRoute.ALPACA_PAPER.value,
        initial_cash=initial_cash,
        cash_tolerance_pct=CASH_TOLERANCE_PCT,
        protection=RestingProtection(
            keeper=stops, brackets_of=brackets_by(lambda: LIMITS), events=hub, clock=clock
        ),
        account_check=check,
    )
    runs = DeadlyRuns(FileRunStore(home / "jobs.json"), ends)
    return Room(engine=Engine(parts), clock=clock, ledger=ledger, hub=hub, runs=runs)


def _client(url: str, ends: Executioner, pump: Pump | None) -> TradingClient:
    seconds = PATIENCE.timeout_seconds if pump is None else PUMPED_SECONDS
    client = connect(KEY, SECRET, paper=True, timeout_seconds=seconds, url_override=url)
    session = client._session
    session.trust_env = False  # no proxy to the loopback; looking for one costs a third of a request
    adapter = session.get_adapter(url)
    assert isinstance(adapter, HTTPAdapter)
    if pump is not None:
        pump.serve(adapter)
    session.mount("http://", DeadlyAdapter(adapter, ends))
    return client


def _broker(
    client: TradingClient, url: str, ledger: SqliteLedger, clock: ManualClock, wake: Callable[[], None] | None
) -> tuple[AlpacaBroker, RestingStops, AccountCheck]:
    api = AlpacaApi(client, PATIENCE)
    since = listed_since(ledger.unfinished_orders(), ledger.portfolio_as_of() or clock.now())
    desk = OrderTracker(
        api=api, recorded=ledger.order, unfinished=ledger.unfinished_orders, calendar=CALENDAR, since=since
    )
    stream = None
    if wake is not None:
        address = f"ws{url.removeprefix('http')}/stream"
        stream = TradeUpdates(lambda: connect_stream(KEY, SECRET, paper=True, url_override=address), wake)
        stream.start()
    stops = RestingStops(api=api, tracker=desk, ledger=ledger, confirm_waits_seconds=WAITS_SECONDS)
    began = ledger.first_step_at() or clock.now()
    activities = AccountActivities(ledger.portfolio, WHOLE_ACCOUNT, began, ledger.cash_booked)
    check = AccountCheck(
        AlpacaAccount(api=api, tracker=desk, activities=activities, stream=stream),
        ledger,
        tolerance_pct=CASH_TOLERANCE_PCT,
        person_pays_in=True,
        since=began,
    )
    broker = AlpacaBroker(
        "chaos", api, desk, stream, stops=stops, activities=activities, resolve_waits_seconds=WAITS_SECONDS
    )
    return broker, stops, check
