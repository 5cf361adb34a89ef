"""A whole engine of real parts on a small simulated market, for the tests of its laws."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.events.hub import EventHub
from adapters.feeds.panel_feed import PanelFeed
from adapters.ledger import SqliteLedger
from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore, SqlitePaperStore
from adapters.simulated.market import SimulatedMarket
from agents.build import assemble_team
from config.environment import OrderRoute, read_environment
from config.loader import digest, load_trading
from config.risk import RiskSettings
from config.trading import TradingSettings
from config.watch import WatchedRisk
from core.cycles import DECIDE, RISK_CHECK
from core.errors import RequestError
from core.ports import Broker, Feed, MemoryWriter, Team
from core.times import NEW_YORK
from core.types import BarPanel, Cycle, StepReport
from daemon.child_jobs import JobRunner
from daemon.engine_service import EngineService
from daemon.service_dependencies import ComparedMarket, ServiceDependencies
from daemon.status import status_bytes
from daemon.wiring.cron import JobScheduler
from daemon.wiring.history import HistoryService
from daemon.wiring.memory import MemoryService
from models.factors.store import FactorStore
from models.ranker.registry import IN_THIS_PROCESS, StoredRanker
from models.ranker.training import train_ranker
from models.ranker.versions import load_current, save
from pipeline.dependencies import EngineDependencies
from pipeline.engine import Engine
from pipeline.null_parts import NullMemory
from pipeline.report_events import publish_events_to
from risk.build import assemble_risk
from tests.default_universe import DEFAULT, SECTOR_ETF_OF, SECTOR_OF, STOCKS, UNIVERSE

CALENDAR = NyseCalendar()
FIRST, LAST = date(2019, 6, 3), date(2021, 6, 30)
TRAINED_UNTIL = np.datetime64("2021-04-01", "D")
BEGINS = np.datetime64("2021-04-05", "D")
OPENS_AT = datetime(2021, 4, 3, tzinfo=UTC)
WEEKS = 8
CHECKS_AT, DECIDES_AT, CLOSED_AT = time(10, 0), time(15, 45), time(16, 30)
SUBMIT = replace(DECIDE, submits=True)
Moment = tuple[datetime, Cycle]


@cache
def market(seed: int = 20160104) -> BarPanel:
    """Bars of the simulated market around the weeks that are traded."""
    return SimulatedMarket(CALENDAR, DEFAULT, seed).bars(UNIVERSE, FIRST, LAST)


@cache
def settings() -> TradingSettings:
    """The committed defaults with models that are small enough for a test."""
    trading = load_trading()
    return trading.model_copy(
        update={
            "quant": trading.quant.model_copy(update={"n_estimators": 25, "learning_rate": 0.2}),
            "regime": trading.regime.model_copy(update={"restarts": 1}),
        }
    )


@cache
def models() -> TemporaryDirectory[str]:
    """A folder with a ranker whose labels end before the first session that is traded."""
    panel, folder = market(), TemporaryDirectory()
    row = int(np.searchsorted(panel.sessions, TRAINED_UNTIL, side="right")) - 1
    artefact = train_ranker(panel, FactorStore(SECTOR_ETF_OF).history(panel), settings().quant, row)
    save(artefact, Path(folder.name), datetime(2021, 4, 2, tzinfo=UTC))
    return folder


def stored_ranker(folder: Path) -> StoredRanker:
    """Read a ranker that these tests have trained: their own need not be examined in another process first."""
    artefact = load_current(folder)
    assert artefact is not None
    IN_THIS_PROCESS.trust(artefact.booster)
    return StoredRanker(folder)


class Limits(WatchedRisk):
    """The committed limits; a test may put others in force, as an edit of risk.json would."""

    def put(self, limits: RiskSettings) -> None:
        """Put other limits in force."""
        self._settings = limits


@dataclass(frozen=True, kw_only=True)
class Desk:
    """An engine and its parts."""

    engine: Engine
    clock: ManualClock
    broker: PaperBroker
    ledger: SqliteLedger
    hub: EventHub
    limits: Limits

    def run(self, moments: Sequence[Moment]) -> list[StepReport]:
        """Step through moments."""
        return list(self.steps(moments))

    def steps(self, moments: Sequence[Moment]) -> Iterator[StepReport]:
        """Step through moments, one report at a time."""
        for at, cycle in moments:
            self.clock.set(at)
            yield self.engine.step(cycle)

    def close(self) -> None:
        """Let go of the files."""
        self.ledger.close()
        self.broker.close()


def open_desk(
    folder: Path | None = None,
    panel: BarPanel | None = None,
    *,
    at: datetime = OPENS_AT,
    models_folder: Path | None = None,
    wrap_team: Callable[[Team], Team] = lambda team: team,
    wrap_broker: Callable[[PaperBroker], Broker] = lambda broker: broker,
    wrap_feed: Callable[[Feed, SqliteLedger, FactorStore], Feed] = lambda feed, ledger, factors: feed,
    memory: MemoryWriter | None = None,
) -> Desk:
    """Put an engine together as the daemon does; files in `folder`, or all in memory."""
    trading, factors = settings(), FactorStore(SECTOR_ETF_OF)
    feed = PanelFeed(market() if panel is None else panel, trading.data, CALENDAR, source="simulated")
    factors.prepare(feed.panel)
    clock = ManualClock(at)
    store = SqlitePaperStore(folder / "paper.sqlite") if folder else InMemoryPaperStore()
    broker = PaperBroker(trading.broker, clock, store)
    ledger = SqliteLedger(folder / "ledger.sqlite" if folder else None, route=OrderRoute.PAPER_BUILTIN)
    limits, hub = Limits(), EventHub()
    team = assemble_team(trading, stored_ranker(models_folder or Path(models().name)), factors)
    parts = EngineDependencies(
        clock=clock,
        feed=wrap_feed(feed, ledger, factors),
        broker=wrap_broker(broker),
        ledger=ledger,
        team=wrap_team(team),
        risk=assemble_risk(trading, lambda: limits.settings),
        events=hub,
        publish_events=publish_events_to(hub),
        memory=memory or NullMemory(),
        config_digest=lambda: digest(trading, limits.settings),
        refresh_limits=lambda: (),
        route="built-in paper broker",
        initial_cash=Decimal(repr(trading.broker.initial_cash_usd)),
    )
    return Desk(engine=Engine(parts), clock=clock, broker=broker, ledger=ledger, hub=hub, limits=limits)


def serve(desk: Desk) -> EngineService:
    """Put the daemon's service around a desk's engine."""
    return EngineService(
        dependencies(desk.clock, desk.hub, lambda _: desk.engine, lambda: desk.ledger, desk.close)
    )


def history_of(desk: Desk) -> HistoryService:
    """Give a desk's history; no headline is scored."""
    return HistoryService(lambda: desk.engine, lambda: desk.ledger, SECTOR_OF, lambda _: {}, lambda _: {})


class RankerAtHand:
    """The ranker of a service whose engine has its own: nothing is to be trained."""

    loaded = True

    def train_if_missing(self, engine: Engine, runner: JobRunner) -> None:
        """Nothing is missing."""

    def rollback(self, model_id: str = "") -> Mapping[str, Any]:
        raise RequestError("There is no version before it.", status=409)


def dependencies(
    clock: ManualClock,
    hub: EventHub,
    build: Callable[[Callable[[], None]], Engine],
    open_ledger: Callable[[], SqliteLedger],
    close: Callable[[], None],
) -> ServiceDependencies:
    """Give a service's parts: no job runs by itself, nothing can be trained, no memory is open."""
    environment, trading = read_environment({}), settings()
    return ServiceDependencies(
        clock=clock,
        events=hub,
        build=build,
        open_ledger=open_ledger,
        close=close,
        on_step=lambda engine, report, seconds: None,
        long_work={},
        scheduled_jobs=JobScheduler(environment, trading.scheduler, clock, hub),
        memory=MemoryService(environment, trading),
        ranker=RankerAtHand(),
        market=ComparedMarket("SPY", STOCKS),
        levels_of=lambda engine: {},
        status_of=_status,
    )


def _status(service: EngineService) -> bytes:
    return status_bytes(
        service,
        models=lambda at: {},
        degraded=lambda: (),
        settings={
            "profile": "runbook",
            "broker_mode": "paper",
            "regime_window_sessions": 1000,
            "limits": {},
            "market_open": None,
        },
        timetable=service.timetable,
    )


async def ready(service: EngineService) -> None:
    """Start a service and wait for its recovery."""
    service.start()
    while service.not_ready_reason():
        assert "failed" not in service.not_ready_reason(), service.not_ready_reason()
        await asyncio.sleep(0.001)


def moments(weeks: int = WEEKS) -> list[Moment]:
    """Each session's risk check in the morning and its decision before the close, from `BEGINS` on."""
    return [
        (_at(day, hour), cycle)
        for day in _days(weeks)
        for hour, cycle in ((CHECKS_AT, RISK_CHECK), (DECIDES_AT, SUBMIT))
    ]


def closings(weeks: int = WEEKS) -> list[Moment]:
    """Each session's decision after its close, as a backtest on daily bars takes it."""
    return [(_at(day, CLOSED_AT), SUBMIT) for day in _days(weeks)]


def _days(weeks: int) -> list[date]:
    first = int(np.searchsorted(market().sessions, BEGINS))
    days: list[date] = market().sessions[first : first + 5 * weeks].tolist()
    return days


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, NEW_YORK).astimezone(UTC)


def assert_it_did_something(reports: Sequence[StepReport]) -> None:
    """A simulation that traded nothing would pass every law."""
    sides = {fill.side.value for report in reports for fill in report.fills}
    assert sides == {"buy", "sell"}, f"fills: {sides}"
    exits = {d.rule for report in reports for d in report.plan.decisions if d.action.value == "exit"}
    assert len(exits) >= 2, f"exit rules: {exits}"
    assert any(report.plan.refused for report in reports), "nothing was refused"
    assert sum(len(report.plan.approved) for report in reports) > 10
