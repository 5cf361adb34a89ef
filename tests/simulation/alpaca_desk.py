"""A whole engine of real parts whose broker is the real Alpaca adapter on the stand-in's book."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from adapters.alpaca.account_source import AlpacaAccount
from adapters.alpaca.activities import AccountActivities
from adapters.alpaca.broker import AlpacaBroker
from adapters.alpaca.capital import WHOLE_ACCOUNT
from adapters.alpaca.order_tracker import OrderTracker, listed_since
from adapters.alpaca.resting_stops import RestingStops
from adapters.alpaca.trading_client import AlpacaApi, Patience, connect
from adapters.ledger import SqliteLedger
from config.environment import OrderRoute
from config.risk import RiskSettings
from core.cycles import RISK_CHECK, SETTLE
from core.errors import Recoverable
from core.types import Cycle, StepReport
from pipeline.account_check import AccountCheck
from pipeline.engine import Engine
from pipeline.fault_policy import step_under_policy
from pipeline.protection import RestingProtection
from risk.build import brackets_by
from tests.servers.alpaca_broker import KEY, SECRET, alpaca_broker_server
from tests.servers.alpaca_broker import AlpacaBroker as StandIn
from tests.servers.alpaca_broker_desk import Desk as StandInDesk
from tests.servers.alpaca_broker_faults import FaultPlan
from tests.simulation.desk import CALENDAR, SUBMIT, Desk, Moment, market, moments, open_desk

HURRY = Patience(timeout_seconds=0.25, attempts=4, wait_seconds_first=0.0005, wait_seconds_max=0.002)
MINUTES_AFTER = (1, 2, 3, 5)
"""Ticks after each step, so that orders fill in parts."""


class Crash(BaseException):
    """The process ends here."""


class Mortal(AlpacaApi):
    """The real API of a process that ends at its n-th chance: there is one before and one after each request."""

    chances = -1

    def _chance(self) -> None:
        self.chances -= 1
        if not self.chances:
            raise Crash

    def _retrying(self, ask):  # type: ignore[no-untyped-def]  # the same signature
        self._chance()
        answer = super()._retrying(ask)
        self._chance()
        return answer

    def post_order(self, body):  # type: ignore[no-untyped-def]  # the same signature
        self._chance()
        row = super().post_order(body)
        self._chance()
        return row


@dataclass(kw_only=True)
class World:
    """The stand-in, and the engine that trades there; the engine may die and be opened again."""

    stand_in: StandIn
    folder: Path
    desk: Desk
    engine: Engine
    api: Mortal

    def tick(self, at: datetime, *, minutes: Sequence[int] = (0,)) -> None:
        """Move the stand-in's clock and prices to a moment, and then on by minutes."""
        with self.stand_in.book.lock:
            for late in minutes:
                StandInDesk(self.stand_in.book).tick(at + timedelta(minutes=late), prices(at))

    def step(self, at: datetime, cycle: Cycle) -> StepReport | None:
        """Step at a moment; None when the step ended with a fault that the next one may not meet."""
        self.desk.clock.set(max(at, self.desk.clock.now()))
        try:
            return step_under_policy(self.engine, cycle)
        except Recoverable:
            return None

    def live(self, moment: Moment) -> StepReport | None:
        """Step at a moment, and let the market go on for some minutes."""
        at, cycle = moment
        self.tick(at)
        report = self.step(at, cycle)
        self.tick(at, minutes=MINUTES_AFTER)
        return report

    def die_and_open_again(self) -> None:
        """Leave the files as they are, and start as a new process would."""
        at = self.desk.clock.now()
        self.desk.close()
        self.desk, self.engine, self.api = _opened(self.stand_in, self.folder, at)

    def calm_down(self) -> None:
        """End all faults; close the session, so that every order ends; book what is left."""
        with self.stand_in.book.lock:
            self.stand_in.faults.plan = FaultPlan()
            self.stand_in.faults.scripted.clear()
            for row in self.stand_in.book.activities:
                row.listed_from = 0
            at = self.stand_in.book.now
        self.api.chances = -1
        for _ in range(2):
            at += timedelta(hours=18)
            self.tick(at)
            assert self.step(at, SETTLE) is not None


def prices(at: datetime) -> dict[str, Decimal]:
    """Give the opening prices of the session that a moment is in, moved a little by the hour."""
    panel = market()
    row = max(int(np.searchsorted(panel.sessions, np.datetime64(at.date(), "D"), side="right")) - 1, 0)
    moved = 1 + (at.hour * 60 + at.minute - 1000) / 200_000
    found = zip(panel.symbols, panel.open[row], strict=True)
    return {name: Decimal(repr(round(float(price) * moved, 2))) for name, price in found if price > 0}


@contextmanager
def world(
    folder: Path, *, seed: int = 0, plan: FaultPlan | None = None, at: datetime | None = None
) -> Iterator[World]:
    """Serve a stand-in and open an engine on it."""
    begins = at or moments()[0][0] - timedelta(minutes=60)
    stand_in = StandIn(seed=seed, now=begins, prices=prices(begins))
    stand_in.faults.plan = plan or FaultPlan()
    with alpaca_broker_server(stand_in):
        desk, engine, api = _opened(stand_in, folder, begins)
        lived = World(stand_in=stand_in, folder=folder, desk=desk, engine=engine, api=api)
        try:
            yield lived
        finally:
            lived.desk.close()


def week(days: int = 5, begin: int = 0) -> list[Moment]:
    """Give the risk checks and decisions of some sessions: the check, the decision, and a check between."""
    out: list[Moment] = []
    for at, cycle in moments()[2 * begin : 2 * (begin + days)]:
        out.append((at, cycle))
        out.append((at + timedelta(minutes=10), SUBMIT if cycle is RISK_CHECK else RISK_CHECK))
    return out


def _opened(stand_in: StandIn, folder: Path, at: datetime) -> tuple[Desk, Engine, Mortal]:
    client = connect(KEY, SECRET, paper=True, timeout_seconds=HURRY.timeout_seconds, url_override=stand_in.url)
    api = Mortal(client, HURRY)
    desk = open_desk(folder, at=at)
    desk.ledger.close()
    ledger = SqliteLedger(folder / "ledger.sqlite", route=OrderRoute.ALPACA_PAPER)
    orders = OrderTracker(
        api=api, recorded=ledger.order, unfinished=ledger.unfinished_orders,
        calendar=CALENDAR,
        since=listed_since(ledger.unfinished_orders(), ledger.portfolio_as_of() or at),
    )  # fmt: skip
    stops = RestingStops(api=api, tracker=orders, ledger=ledger, confirm_waits_seconds=(0.0,))
    protection = RestingProtection(
        keeper=stops, brackets_of=brackets_by(RiskSettings), events=desk.engine.parts.events, clock=desk.clock
    )
    began = ledger.first_step_at() or at
    activities = AccountActivities(ledger.portfolio, WHOLE_ACCOUNT, began, ledger.cash_booked)
    check = AccountCheck(
        AlpacaAccount(api=api, tracker=orders, activities=activities), ledger,
        tolerance_pct=0.0005, person_pays_in=True, since=began,
    )  # fmt: skip
    waits = (0.0, 0.0, 0.0)
    broker = AlpacaBroker(
        "Alpaca paper", api, orders, stops=stops, activities=activities, resolve_waits_seconds=waits
    )
    route = OrderRoute.ALPACA_PAPER.value
    parts = replace(
        desk.engine.parts, ledger=ledger, broker=broker, route=route, protection=protection, account_check=check
    )
    engine = Engine(parts)
    return replace(desk, engine=engine, ledger=ledger), engine, api
