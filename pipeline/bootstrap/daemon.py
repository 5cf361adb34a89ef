"""The daemon, wired. Heavy classes are imported where they are made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from filelock import FileLock, Timeout

from adapters.clock import ManualClock, SystemClock
from adapters.event_hub import EventHub
from config.environment import Environment, OrderRoute, order_route
from config.loader import FOLDER, digest, load_trading
from config.sectors import UNIVERSE
from config.watch import WatchedRisk
from core.errors import SettingsError
from core.memory import Recollection
from core.ports import Broker, Clock
from pipeline.announce import announce_to
from pipeline.bootstrap.assembly import assemble_risk, assemble_team
from pipeline.bootstrap.backtest_jobs import BacktestDesk
from pipeline.bootstrap.memory_desk import MemoryDesk
from pipeline.bootstrap.retrain import RankerDesk
from pipeline.bootstrap.rl_desk import EnsembleDesk
from pipeline.bootstrap.sentiment_desk import SentimentDesk
from pipeline.engine import Engine, Parts, opening_book
from pipeline.service import EngineService
from pipeline.status import status_bytes

if TYPE_CHECKING:
    from adapters.brokers.paper import PaperBroker
    from adapters.feeds.daily_feed import DailyFeed
    from adapters.feeds.panel_feed import PanelFeed
    from adapters.ledger import SqliteLedger

log = structlog.get_logger("start")
NOTES_SHOWN_MAX = 10
NO_JOBS = "jobs: ENABLE_CRON is set but there are no jobs yet; nothing runs by itself"


class Daemon(EngineService):
    """The service wired to its parts; nothing heavy happens before `start`."""

    def __init__(self, environment: Environment, folder: Path = FOLDER) -> None:
        self.trading = load_trading(folder)
        self.route = order_route(environment, self.trading)
        self.limits = WatchedRisk(folder, self.trading.profile)
        self.port = environment.port or self.trading.server.port
        self.hub = EventHub()
        self.desk = RankerDesk(environment.artefact_dir, self.trading, self.hub)
        self.ensemble = EnsembleDesk(environment.artefact_dir, self.trading, self.hub)
        self.sentiment = SentimentDesk(environment, self.trading)
        self.backtests = BacktestDesk(folder)
        self.memories = MemoryDesk(environment, self.trading)
        self._environment = environment
        self._lock = hold(environment.state_dir)
        self._notes: list[str] = []
        self._feed_in_use: DailyFeed | PanelFeed | None = None
        self._ledger: SqliteLedger | None = None
        self._paper: PaperBroker | None = None
        super().__init__(
            clock=SystemClock(),
            events=self.hub,
            build=self._build_engine,
            readers=self._open_ledger,
            status_of=lambda service: status_bytes(
                service,
                models=self.cards,
                degraded=self.degraded,
                settings=self.shown,
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

    def degraded(self) -> list[str]:
        """Say what is missing or fallen back."""
        return [
            *self._notes,
            *self._feed_notes(),
            *([NO_JOBS] if self._environment.enable_cron else []),
            *([self.limits.fault] if self.limits.fault else []),
            *self.desk.faults,
            *self.ensemble.faults,
            *self.sentiment.faults,
            *self.memories.faults,
        ]

    async def memory(self, symbol: str, limit: int) -> Recollection:
        """Say what is remembered of a ticker, newest first."""
        return await self.memories.facts(symbol, limit)

    @property
    def _initial_cash(self) -> Decimal:
        return Decimal(repr(self.trading.broker.initial_cash_usd))

    @property
    def shown(self) -> Mapping[str, Any]:
        """The settings that the status shows."""
        trading = self.trading
        return {
            "profile": trading.profile,
            "broker_mode": trading.broker.mode,
            "regime_window_sessions": trading.regime.window_sessions,
        }

    def cards(self, now: datetime) -> Mapping[str, Any]:
        """Describe each model."""
        return {**self.desk.cards(now), "rl": self.ensemble.card(now), "sentiment": self.sentiment.card()}

    def _build_engine(self) -> Engine:
        from models.factor_store import FactorStore  # noqa: PLC0415  # heavy: imported at first use
        from models.regime import RegimeTracker  # noqa: PLC0415  # heavy: imported at first use

        self.sentiment.open()
        feed, clock = self._feed()
        self._feed_in_use = feed
        factors, tracker = FactorStore(), RegimeTracker(self.trading.regime)
        ledger = self._open_ledger()
        self.memories.open(ledger)
        self.desk.open(clock)
        self.ensemble.open(clock)
        broker, route = self._broker(clock)
        engine = Engine(
            Parts(
                clock=clock,
                feed=self.memories.recalling(feed, ledger, factors, tracker),
                broker=broker,
                ledger=ledger,
                team=assemble_team(
                    self.trading, self.desk.shelf, factors, self.ensemble.shelf, self.sentiment.agent(), tracker
                ),
                risk=assemble_risk(self.trading, lambda: self.limits.settings),
                events=self.hub,
                announce=announce_to(self.hub),
                memory=self.memories,
                config_digest=lambda: digest(self.trading, self.limits.settings),
                refresh_limits=self._refresh_limits,
                route=route.value,
                initial_cash=self._initial_cash,
            )
        )
        log.info(
            "engine.built",
            feed=feed.view(clock.now()).source,
            orders_go_to=route.value,
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
        from adapters.feeds.parquet_bars import ParquetBars  # noqa: PLC0415  # heavy: imported at first use

        calendar, settings = NyseCalendar(), self.trading.data
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
            clock = ManualClock(closes_at)
            news = self.sentiment.headlines(None, source.name, calendar, clock)
            panel = source.bars(UNIVERSE, FIRST_DAY, last_day)
            return PanelFeed(panel, settings, calendar, source=source.name, headlines=news), clock
        news = self.sentiment.headlines(chosen.headlines, source.name, calendar, self.clock)
        return DailyFeed(source, calendar, UNIVERSE, settings, headlines=news), SystemClock()

    def _feed_notes(self) -> list[str]:
        """Give what the source and the quality gate found, the first few of it."""
        notes = self._feed_in_use.notes if self._feed_in_use else ()
        more = (
            [f"data: and {len(notes) - NOTES_SHOWN_MAX} more, see the log"]
            if len(notes) > NOTES_SHOWN_MAX
            else []
        )
        return [*(f"data: {note}" for note in notes[:NOTES_SHOWN_MAX]), *more]

    def _broker(self, clock: Clock) -> tuple[Broker, OrderRoute]:
        from adapters.brokers.dry_run import DryRunBroker  # noqa: PLC0415  # brings sqlite
        from adapters.brokers.paper import PaperBroker  # noqa: PLC0415  # brings sqlite
        from adapters.brokers.paper_store import SqliteStore  # noqa: PLC0415  # brings sqlite

        if self.route is OrderRoute.PAPER_BUILTIN:
            store = SqliteStore(self._environment.state_dir / "paper_broker.sqlite")
            self._paper = PaperBroker(self.trading.broker, clock, store)
            return self._paper, self.route
        if self.route is not OrderRoute.DRY_RUN:
            self._notes.append(
                f"orders: sending to {self.route.value} is not built yet; orders are recorded as dry_run"
            )
        return DryRunBroker("dry run", lambda: opening_book(self._initial_cash)), OrderRoute.DRY_RUN

    def _open_ledger(self) -> SqliteLedger:
        from adapters.ledger import SqliteLedger  # noqa: PLC0415  # brings sqlite

        if self._ledger is None:
            route = self.route if self.route is OrderRoute.PAPER_BUILTIN else OrderRoute.DRY_RUN
            self._ledger = SqliteLedger(self._environment.state_dir / "ledger.sqlite", route=route)
        return self._ledger

    def _close_files(self) -> None:
        self.sentiment.stop()
        self.memories.stop()
        for file in (self._ledger, self._paper):
            if file is not None:
                file.close()

    def _refresh_limits(self) -> tuple[str, ...]:
        if not self.limits.refresh():
            return ()
        return (self.limits.fault or "The risk file's edit is in force.",)


def build_service(environment: Environment, folder: Path = FOLDER) -> Daemon:
    """Check the settings and make the service.

    Raises
    ------
    SettingsError
        When the configuration cannot be used, or another engine holds the state directory.
    """
    return Daemon(environment, folder)


def hold(state_dir: Path) -> FileLock:
    """Take the state directory for this process: one engine a directory.

    Raises
    ------
    SettingsError
        When another process has it, or it cannot be written.
    """
    lock = FileLock(state_dir / "engine.lock")
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
