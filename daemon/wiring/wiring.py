"""The daemon, wired. Heavy classes are imported where they are made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from filelock import FileLock, Timeout

from adapters.clock import ManualClock, SystemClock
from adapters.events.hub import EventHub
from adapters.metrics import Metrics
from agents.build import assemble_team
from config.environment import Environment, OrderRoute, order_route
from config.loader import FOLDER, digest, load_trading
from config.sectors import BENCHMARK, UNIVERSE
from config.watch import WatchedRisk
from core.errors import SettingsError
from core.ports import Clock
from daemon.backtest_jobs import BacktestService
from daemon.ledger_queries import MarketNames
from daemon.models.ranker import RankerService
from daemon.models.rl_ensemble import EnsembleService
from daemon.models.sentiment import SentimentService
from daemon.settle_trigger import SettleTrigger
from daemon.status import status_bytes
from daemon.wiring.brokers import BrokerFactory
from daemon.wiring.cron import JobScheduler
from daemon.wiring.memory import MemoryService
from daemon.wiring.protective_levels import breaker_limits, guarded_levels
from daemon.wiring.unattended_service import UnattendedService
from pipeline.engine import Engine, EngineDependencies
from pipeline.report_events import publish_events_to
from risk.build import assemble_risk

if TYPE_CHECKING:
    from adapters.calendar import NyseCalendar
    from adapters.feeds.daily_feed import DailyFeed
    from adapters.feeds.panel_feed import PanelFeed
    from adapters.ledger import SqliteLedger

log = structlog.get_logger("start")
NOTES_SHOWN_MAX = 10


class Daemon(UnattendedService):
    """The service wired to its parts; nothing heavy happens before `start`."""

    def __init__(self, environment: Environment, folder: Path, clock: Clock) -> None:
        self.trading = load_trading(folder)
        self.route = order_route(environment, self.trading)
        self.limits = WatchedRisk(folder, self.trading.profile)
        self.port = environment.port or self.trading.server.port
        self.metrics = Metrics()
        self.hub = EventHub(count=self.metrics.count)
        self.desk = RankerService(
            environment.artefact_dir, self.trading, self.hub, environment.state_dir / "cache" / "boosters.json"
        )
        self.ensemble = EnsembleService(environment.artefact_dir, self.trading, self.hub)
        self.sentiment = SentimentService(environment, self.trading)
        self.backtests = BacktestService(folder)
        self.jobs_desk = JobScheduler(environment, self.trading.scheduler)
        self.memories = MemoryService(environment, self.trading)
        self._environment = environment
        self._lock = hold(environment.state_dir)
        self._notes: list[str] = []
        self._feed_in_use: DailyFeed | PanelFeed | None = None
        self._calendar: NyseCalendar | None = None
        self._ledger: SqliteLedger | None = None
        super().__init__(
            clock=clock,
            events=self.hub,
            build=self._build_engine,
            readers=self._open_ledger,
            market=MarketNames(BENCHMARK, tuple(self.trading.watchlist.tickers)),
            levels_of=lambda engine: guarded_levels(engine, self.limits.settings),
            watch=self.metrics.step,
            status_of=lambda service: status_bytes(
                service,
                models=self.cards,
                degraded=self.degraded,
                settings=self.shown,
                timetable=self.timetable,
                graph=self.memories.card,
            ),
            models_loaded=lambda: self.desk.loaded,
            long_work={
                "quant_retrain": self.desk.start,
                "train": self.ensemble.start,
                "backtest": self.backtests.start_backtest,
                "scan_backtest": self.backtests.start_scan,
            },
            after_start=self.desk.train_if_missing,
            close=self._close_files,
        )
        wake = SettleTrigger(self._thread, lambda: None if self.not_ready_reason() else self.engine)
        self.brokerage = BrokerFactory(environment, self.trading, self.route, wake)

    def degraded(self) -> list[str]:
        """Say what is missing or fallen back."""
        return [
            *self._notes,
            *self._feed_notes(),
            *self.brokerage.notes(),
            *self.jobs_desk.faults,
            *([self.limits.fault] if self.limits.fault else []),
            *self.desk.faults,
            *self.ensemble.faults,
            *self.sentiment.faults,
            *self.memories.faults,
        ]

    @property
    def shown(self) -> Mapping[str, Any]:
        """The settings that the status shows."""
        trading = self.trading
        return {
            "profile": trading.profile,
            "broker_mode": trading.broker.mode,
            "regime_window_sessions": trading.regime.window_sessions,
            "limits": breaker_limits(self.limits.settings),
            "market_open": self._calendar.is_open(self.now()) if self._calendar else None,
        }

    def cards(self, now: datetime) -> Mapping[str, Any]:
        """Describe each model."""
        return {**self.desk.cards(now), "rl": self.ensemble.card(now), "sentiment": self.sentiment.card()}

    def _build_engine(self) -> Engine:
        from models.factors.store import FactorStore  # noqa: PLC0415  # heavy: imported at first use
        from models.regime.tracker import RegimeTracker  # noqa: PLC0415  # heavy: imported at first use

        self.sentiment.open()
        feed, clock = self._feed()
        self._feed_in_use = feed
        factors, tracker = FactorStore(), RegimeTracker(self.trading.regime)
        ledger = self._open_ledger()
        self.memories.open(ledger)
        self.desk.open(clock, factors)
        self.ensemble.open(clock)
        broker = self.brokerage.open(clock, ledger)
        engine = Engine(
            EngineDependencies(
                clock=clock,
                feed=self.memories.recalling(feed, ledger, factors, tracker),
                broker=broker,
                ledger=ledger,
                team=assemble_team(
                    self.trading,
                    self.desk.provider,
                    factors,
                    self.ensemble.provider,
                    self.sentiment.agent(),
                    tracker,
                ),
                risk=assemble_risk(self.trading, lambda: self.limits.settings),
                events=self.hub,
                publish_events=publish_events_to(self.hub),
                memory=self.memories,
                config_digest=lambda: digest(self.trading, self.limits.settings),
                refresh_limits=self._refresh_limits,
                route=self.route.value,
                initial_cash=self.brokerage.initial_cash(broker, ledger),
                cash_tolerance_pct=self.brokerage.cash_tolerance_pct,
                follows_account=self.brokerage.follows_account,
            )
        )
        engine.last_view = feed.view(clock.now())
        log.info(
            "engine.built",
            feed=engine.last_view.source,
            orders_go_to=self.route.value,
            profile=self.trading.profile,
            ledger=ledger.found,
            degraded=self.degraded(),
        )
        return engine

    def _feed(self) -> tuple[DailyFeed | PanelFeed, Clock]:
        from adapters.calendar import FIRST_DAY, NyseCalendar  # noqa: PLC0415  # heavy: imported at first use
        from adapters.feeds.choose import choose_source  # noqa: PLC0415  # heavy: imported at first use
        from adapters.feeds.daily_feed import DailyFeed  # noqa: PLC0415  # heavy: imported at first use
        from adapters.feeds.panel_feed import PanelFeed  # noqa: PLC0415  # heavy: imported at first use
        from adapters.parquet.bars import ParquetBars  # noqa: PLC0415  # heavy: imported at first use

        calendar = self._calendar = NyseCalendar()
        settings = self.trading.data
        chosen = choose_source(
            self._environment,
            settings,
            calendar,
            route_is_builtin=self.route is OrderRoute.PAPER_BUILTIN,
            now=self.clock.now(),
        )
        self._notes += [note for note in chosen.notes if note not in self._notes]
        source = chosen.source
        if isinstance(source, ParquetBars):
            last_day, closes_at = source.last_session()
            clock = ManualClock(closes_at) if isinstance(self.clock, SystemClock) else self.clock
            news = self.sentiment.headlines(None, source.name, calendar, clock)
            panel = source.bars(UNIVERSE, FIRST_DAY, last_day)
            return PanelFeed(panel, settings, calendar, source=source.name, headlines=news), clock
        news = self.sentiment.headlines(chosen.headlines, source.name, calendar, self.clock)
        return DailyFeed(source, calendar, UNIVERSE, settings, headlines=news), self.clock

    def _feed_notes(self) -> list[str]:
        """Give what the source and the quality gate found, the first few of it."""
        notes = self._feed_in_use.notes if self._feed_in_use else ()
        more = (
            [f"data: and {len(notes) - NOTES_SHOWN_MAX} more, see the log"]
            if len(notes) > NOTES_SHOWN_MAX
            else []
        )
        return [*(f"data: {note}" for note in notes[:NOTES_SHOWN_MAX]), *more]

    def _open_ledger(self) -> SqliteLedger:
        from adapters.ledger import SqliteLedger  # noqa: PLC0415  # brings sqlite

        if self._ledger is None:
            self._ledger = SqliteLedger(self._environment.state_dir / "ledger.sqlite", route=self.route)
        return self._ledger

    def _close_files(self) -> None:
        self.sentiment.stop()
        self.memories.stop()
        self.brokerage.close()
        if self._ledger is not None:
            self._ledger.close()
        self._lock.release()

    def _refresh_limits(self) -> tuple[str, ...]:
        if not self.limits.refresh():
            return ()
        return (self.limits.fault or "The risk file's edit is in force.",)


def build_service(environment: Environment, folder: Path = FOLDER, clock: Clock | None = None) -> Daemon:
    """Check the settings and make the service.

    Parameters
    ----------
    clock : Clock or None
        The machine's by default. With one that is moved by hand nothing rings by itself: who moves it also
        fires what comes due (`Daemon.jobs_desk.cron`).

    Raises
    ------
    SettingsError
        When the configuration cannot be used, or another engine holds the state directory.
    """
    return Daemon(environment, folder, clock or SystemClock())


def hold(state_dir: Path) -> FileLock:
    """Take the state directory for this process: one engine a directory.

    Raises
    ------
    SettingsError
        When another process has it, or it cannot be written.
    """
    lock = FileLock(state_dir / "engine.lock", thread_local=False)  # the engine's thread lets go of it
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise SettingsError(
            f"Another engine runs on {state_dir}.", hint="Stop it, or set STATE_DIR to another folder."
        ) from error
    except OSError as error:
        raise SettingsError(f"{state_dir} cannot be written: {error.strerror}.", hint="Set STATE_DIR.") from error
    return lock
