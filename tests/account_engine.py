"""The small engine whose broker is the real Alpaca adapter on the stand-in, in one account with a person."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.alpaca.account_source import AlpacaAccount
from adapters.alpaca.activities import AccountActivities
from adapters.alpaca.broker import AlpacaBroker
from adapters.alpaca.capital import WHOLE_ACCOUNT, Capital, CapitalChange
from adapters.alpaca.order_tracker import LOOK_BACK, OrderTracker
from adapters.alpaca.resting_stops import RestingStops
from adapters.alpaca.trading_client import AlpacaApi, Patience, connect
from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.ledger import SqliteLedger
from config.environment import OrderRoute
from config.risk import CircuitBreakers, DailyLimits, RiskSettings, SwingExit
from core.cycles import DECIDE_AND_SEND
from core.errors import Recoverable
from core.ports import Feed
from core.types import CorporateAction, Cycle, Decision, MarketView, Quote, StepReport
from pipeline.account_check import AccountCheck
from pipeline.engine import Engine
from pipeline.fault_policy import step_under_policy
from pipeline.report_events import publish_events_to
from tests.servers.alpaca_broker import KEY, SECRET, alpaca_broker_server
from tests.servers.alpaca_broker import AlpacaBroker as StandIn
from tests.servers.alpaca_broker_desk import Desk as StandInDesk
from tests.servers.alpaca_broker_events import AccountEvents
from tests.small_engine import PRICES, Published, Wanted, at_close, small_engine

MONDAY = at_close(1) + timedelta(hours=17, minutes=35)
"""2024-01-24 at 9:35 in New York."""
HURRY = Patience(timeout_seconds=5.0, attempts=2, wait_seconds_first=0.0005, wait_seconds_max=0.002)
WIDE = RiskSettings(
    circuit_breakers=CircuitBreakers(max_drawdown_pct=-0.5),
    daily_limits=DailyLimits(max_daily_loss_pct=-0.4),
    swing_exit=SwingExit(consecutive_miss_limit=None, max_hold_days=None),
)


@dataclass
class MarketOfAccount:
    """Views with the stand-in's prices as quotes; implements `core.ports.Feed`."""

    stand_in: StandIn
    bars: Feed
    actions: tuple[CorporateAction, ...] = ()

    def view(self, as_of: datetime) -> MarketView:
        seen = self.bars.view(as_of)
        prices = self.stand_in.book.prices.items()
        quotes = {name: Quote(symbol=name, price=float(price), at=as_of) for name, price in prices}
        return dataclasses.replace(seen, quotes=quotes, actions=self.actions, stale={}, feed_fault="")


@dataclass(kw_only=True)
class AccountEngine:
    """The engine, the account it trades in, and what a test moves or reads."""

    stand_in: StandIn
    api: AlpacaApi
    broker: AlpacaBroker
    ledger: SqliteLedger
    clock: ManualClock
    feed: MarketOfAccount
    team: Wanted
    limits: list[RiskSettings]
    engine: Engine
    folder: Path
    capital: Capital = WHOLE_ACCOUNT
    tolerance_pct: float = 0.0005
    published: Published = field(default_factory=Published)

    @property
    def events(self) -> AccountEvents:
        return AccountEvents(self.stand_in.book)

    def tick(self, prices: Mapping[str, Decimal] | None = None, **later: float) -> None:
        """Move the stand-in's clock and the engine's together."""
        with self.stand_in.book.lock:
            StandInDesk(self.stand_in.book).tick(self.stand_in.book.now + timedelta(**later), dict(prices or {}))
        self.clock.set(self.stand_in.book.now)

    def step(self, *decisions: Decision, cycle: Cycle = DECIDE_AND_SEND) -> StepReport:
        """Step with what the team wants."""
        self.team.decisions = decisions
        return step_under_policy(self.engine, cycle)

    def fails(self, *decisions: Decision) -> bool:
        """Step; whether the step failed."""
        try:
            self.step(*decisions)
        except Recoverable:
            return True
        return False

    def by_hand(self, symbol: str, quantity: Decimal | int, side: str) -> dict[str, Any]:
        """Trade as a person does in Alpaca's own app."""
        body = {
            "symbol": symbol, "qty": str(quantity), "side": side, "type": "market", "time_in_force": "day",
        }  # fmt: skip
        with self.stand_in.book.lock:
            answer = StandInDesk(self.stand_in.book).submit(body)
        assert answer.status == 200, answer.body
        row: dict[str, Any] = answer.body
        return row

    def held(self, symbol: str) -> Decimal:
        """Return the engine's shares."""
        position = self.engine.portfolio.positions.get(symbol)
        return position.quantity if position else Decimal(0)

    def start_again(self) -> None:
        """Start as a new process does, on the same files."""
        self.ledger.close()
        self._open()

    def _open(self) -> None:
        small = small_engine(cash_tolerance_pct=self.tolerance_pct)
        self.limits, self.team = [WIDE], Wanted()
        self.ledger = SqliteLedger(self.folder / "ledger.sqlite", route=OrderRoute.ALPACA_PAPER)
        now = self.clock.now()
        stamps = [order.created_at for order in self.ledger.unfinished_orders()]
        tracker = OrderTracker(
            api=self.api, recorded=self.ledger.order, unfinished=self.ledger.unfinished_orders,
            calendar=NyseCalendar(),
            since=min([*stamps, self.ledger.portfolio_as_of() or now]) - LOOK_BACK,
        )  # fmt: skip
        activities = AccountActivities(
            self.ledger.portfolio, self.capital, self.ledger.first_step_at() or now, self.ledger.cash_booked
        )
        account = AlpacaAccount(api=self.api, tracker=tracker, activities=activities)
        usd = self.capital.usd
        self.broker = AlpacaBroker(
            "Alpaca paper", self.api, tracker, activities=activities, resolve_waits_seconds=(0.0,),
            stops=RestingStops(api=self.api, tracker=tracker, ledger=self.ledger),
            capital=None if usd is None else CapitalChange(usd, self.ledger, account.cash),
        )  # fmt: skip
        check = AccountCheck(
            account, self.ledger,
            tolerance_pct=self.tolerance_pct, person_pays_in=self.capital.is_whole,
            since=self.ledger.first_step_at() or now,
        )  # fmt: skip
        parts = small.engine.parts
        self.feed = MarketOfAccount(self.stand_in, parts.feed)
        risk = dataclasses.replace(parts.risk, settings_of=lambda: self.limits[0])  # type: ignore[type-var]  # a dataclass
        cash = self.capital.opening(self.stand_in.book.cash)
        self.engine = Engine(
            dataclasses.replace(
                parts,
                clock=self.clock,
                feed=self.feed,
                broker=self.broker,
                ledger=self.ledger,
                team=self.team,
                risk=risk,
                events=self.published,
                publish_events=publish_events_to(self.published),
                route=OrderRoute.ALPACA_PAPER.value,
                initial_cash=cash,
                account_check=check,
            )
        )  # fmt: skip


@contextmanager
def account_engine(
    folder: Path,
    *,
    cash: Decimal = Decimal(100_000),
    capital: Capital = WHOLE_ACCOUNT,
    tolerance_pct: float = 0.0005,
    seed: int = 0,
) -> Iterator[AccountEngine]:
    """Open an engine on a stand-in's account, before its first step."""
    prices = {name: Decimal(repr(price)) for name, price in PRICES.items()}
    stand_in = StandIn(seed=seed, now=MONDAY, prices=prices, cash=cash)
    with alpaca_broker_server(stand_in):
        client = connect(KEY, SECRET, paper=True, timeout_seconds=5.0, url_override=stand_in.url)
        made = AccountEngine.__new__(AccountEngine)
        made.stand_in, made.api, made.folder = stand_in, AlpacaApi(client, HURRY), folder
        made.clock, made.capital, made.tolerance_pct = ManualClock(MONDAY), capital, tolerance_pct
        made.published = Published()
        made._open()
        try:
            yield made
        finally:
            made.ledger.close()
            client._session.close()
