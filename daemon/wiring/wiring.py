"""The daemon, wired: its parts built and handed to one service. Nothing heavy happens before `start`."""

from __future__ import annotations

import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from adapters.clock import SystemClock
from adapters.events.hub import EventHub
from adapters.metrics import Metrics
from config.environment import Environment, order_route
from config.loader import FOLDER, load_trading
from config.server import ServerSettings
from config.trading import TradingSettings
from config.watch import WatchedRisk
from core.errors import SettingsError
from core.ports import Clock
from core.types import StepReport
from core.universe import BENCHMARK, Universe
from daemon.engine_service import EngineService
from daemon.models.ranker import RankerService
from daemon.models.rl_ensemble import EnsembleService
from daemon.process_memory import keep_little
from daemon.service_dependencies import ComparedMarket, ServiceDependencies
from daemon.wiring.backtest_jobs import RUNS, BacktestService
from daemon.wiring.brokers import BrokerFactory
from daemon.wiring.cron import JobScheduler
from daemon.wiring.engine_factory import EngineFactory
from daemon.wiring.execution import entry_terms, note_slippage
from daemon.wiring.history import HistoryService, history_of
from daemon.wiring.letters import LetterService
from daemon.wiring.memory import MemoryService
from daemon.wiring.notifications import NotificationService
from daemon.wiring.plugins import PluginService
from daemon.wiring.protective_levels import position_levels
from daemon.wiring.scoreboard import ScoreService
from daemon.wiring.sentiment import SentimentService
from daemon.wiring.settings import SettingsService
from daemon.wiring.shadows import ShadowService, settings_of_shadows
from daemon.wiring.status_facts import degraded, encode_status, log_built
from pipeline.engine import Engine

OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Daemon:
    """The wired daemon: the service, and the parts that a server or a test needs beside it.

    Attributes
    ----------
    port : int
        Where the settings say to listen.
    server : ServerSettings
        What a client may cost.
    universe : Universe
        Whose stocks a client may name.
    close : callable
        Lets go of the files and of the state directory; the service calls it as its last work.
    """

    service: EngineService
    hub: EventHub
    metrics: Metrics
    port: int
    server: ServerSettings
    universe: Universe
    scheduler: JobScheduler
    engines: EngineFactory
    letters: LetterService
    history: HistoryService
    settings: SettingsService
    close: Callable[[], None]


def build_daemon(environment: Environment, folder: Path = FOLDER, clock: Clock | None = None) -> Daemon:
    """Check the settings and wire the daemon.

    Parameters
    ----------
    clock : Clock or None
        The machine's by default. With one that is moved by hand no alarm fires by itself: who moves it also
        fires what comes due (`Daemon.scheduler.cron`).

    Raises
    ------
    SettingsError
        When the configuration cannot be used, or another engine holds the state directory.
    """
    keep_little()
    metrics, clock = Metrics(), clock or SystemClock()
    hub = EventHub(count=metrics.count, mask=environment.secret_mask())
    trading = load_trading(folder)
    engines = _engine_factory(environment, trading, folder, clock, hub)
    entries = entry_terms(trading.execution, engines.route).kind
    scheduler = JobScheduler(environment, trading.scheduler, clock, hub, entries)
    notifications = NotificationService(environment, trading, clock, folder)
    lock = hold(environment.state_dir)
    hub.add_listener(notifications.hear)

    def close() -> None:
        engines.close()
        notifications.stop()
        lock.release()

    given = _service_dependencies(
        engines, scheduler, metrics, notifications, BacktestService(folder, environment.state_dir / RUNS), close
    )
    port = environment.port or trading.server.port
    service = EngineService(given)
    letters = LetterService(engines, lambda: service.engine, given.levels_of)
    history = history_of(engines, lambda: service.engine, given.levels_of)
    scheduler.write_with(letters)
    server, universe = trading.server, trading.universe
    settings = SettingsService(folder, engines.limits, universe, lambda: service.engine)
    return Daemon(
        service, hub, metrics, port, server, universe, scheduler, engines, letters, history, settings, close
    )


def _engine_factory(
    environment: Environment, trading: TradingSettings, folder: Path, clock: Clock, hub: EventHub
) -> EngineFactory:
    route, artefacts = order_route(environment, trading), environment.artefact_dir
    boosters = environment.state_dir / "cache" / "boosters.json"
    shadows = settings_of_shadows(trading, folder)
    return EngineFactory(
        environment=environment,
        trading=trading,
        folder=folder,
        route=route,
        limits=WatchedRisk(folder, trading.profile),
        clock=clock,
        hub=hub,
        brokers=BrokerFactory(environment, trading, route, folder),
        memory=MemoryService(environment, trading),
        ranker=RankerService(artefacts, trading, hub, boosters),
        ensemble=EnsembleService(artefacts, trading, hub),
        sentiment=SentimentService(environment, trading),
        plugins=PluginService(trading, folder, hub),
        shadows=ShadowService(environment, shadows, trading.shadow.resume_after_sessions),
        scores=ScoreService(environment, trading, hub),
    )


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
        keep_private(state_dir)
    except Timeout as error:
        raise SettingsError(
            f"Another engine runs on {state_dir}.", hint="Stop it, or set STATE_DIR to another folder."
        ) from error
    except OSError as error:
        raise SettingsError(f"{state_dir} cannot be written: {error.strerror}.", hint="Set STATE_DIR.") from error
    return lock


def keep_private(state_dir: Path) -> None:
    """Take other users' rights from the state that is there; new files are private by the process's umask."""
    if state_dir.stat().st_mode & stat.S_ISVTX:  # a folder that users share, such as /tmp
        return
    for path in (state_dir.resolve(), *state_dir.rglob("*")):
        mode = path.lstat().st_mode
        if mode & OTHERS and not stat.S_ISLNK(mode):
            with suppress(OSError):  # another's file: it is his to close
                path.chmod(stat.S_IMODE(mode) & ~OTHERS)


def _service_dependencies(
    engines: EngineFactory,
    scheduler: JobScheduler,
    metrics: Metrics,
    notifications: NotificationService,
    backtests: BacktestService,
    close: Callable[[], None],
) -> ServiceDependencies:
    def build(settle_soon: Callable[[], None]) -> Engine:
        engine = engines.build(settle_soon)
        notifications.catch_up(engines.open_ledger())
        log_built(engine, engines, degraded(engines, scheduler, notifications, engine))
        return engine

    def on_step(engine: Engine, report: StepReport, seconds: float) -> None:
        metrics.step(report, seconds)
        note_slippage(report.fills, engines.open_ledger(), metrics)
        notifications.on_step(engine, report)
        engines.shadows.step(engine.last_view, report.cycle)
        engines.scores.after_step(engine.last_view, report, engines.open_ledger(), engines.shadows.shadows)
        if report.cycle.agents and report.cycle.as_of is None:
            engines.ranker.watch(engine.last_view)
            engines.sentiment.follow((*engine.portfolio.positions, *report.plan.analysis.candidates))

    return ServiceDependencies(
        clock=engines.clock,
        events=engines.hub,
        build=build,
        open_ledger=engines.open_ledger,
        close=close,
        on_step=on_step,
        long_work={
            "quant_retrain": engines.ranker.start,
            "train": engines.ensemble.start,
            "backtest": backtests.start_backtest,
            "scan_backtest": backtests.start_scan,
        },
        scheduled_jobs=scheduler,
        memory=engines.memory,
        ranker=engines.ranker,
        market=ComparedMarket(BENCHMARK, engines.trading.stocks),
        levels_of=lambda engine: position_levels(engine, engines.limits.settings),
        status_of=lambda service: encode_status(service, engines, scheduler, notifications),
        notifications=notifications,
    )
