"""The engine as the edge sees it: one engine thread, readers that never block, jobs in child processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import structlog

from core.brackets import Levels
from core.cycles import FLATTEN, SETTLE
from core.errors import EngineError, Recoverable, RequestError
from core.ports import Clock, EventSink
from core.service import AnalysisReport, Execution, Job
from core.types import Cycle, Portfolio, StepReport, TradingState
from daemon.child_jobs import JobRunner
from daemon.engine_thread import EngineThread
from daemon.ledger_queries import LedgerReads, LongWork, MarketNames, Readers
from daemon.logs import step_line
from pipeline.engine import Engine
from pipeline.execution import cancel_entries, execute, is_decision, newest_decision
from pipeline.fault_policy import guarded, guarded_step
from pipeline.reconciliation import Recovery, accept, recover

Result = TypeVar("Result")
log = structlog.get_logger("engine")
RETRY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 2.0


class EngineService(LedgerReads):
    """Implements `core.service.Service`.

    Parameters
    ----------
    build : callable
        Makes the engine; runs on the engine thread, since it imports heavy libraries and reads the feed.
    readers : callable
        Gives the ledger's read side once the engine is built.
    market : MarketNames
        What the equity is compared with.
    levels_of : callable
        Gives each held position's nearest stop and target.
    watch : callable
        Told of each step that ended: the report, and how long it took in seconds.
    status_of : callable
        Turns (engine or None, this service) into the status' JSON bytes.
    after_start : callable
        Runs on the engine thread once ready (a first training where there is no model).
    close : callable
        Lets go of the files, on the engine thread, as its last work.

    Attributes
    ----------
    recovery : Recovery or None
        What the start found between ledger and broker, once it has looked.
    last_decision : StepReport or None
        The newest decision about now, also from before the start.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        events: EventSink,
        build: Callable[[], Engine],
        readers: Callable[[], Readers],
        market: MarketNames,
        levels_of: Callable[[Engine], Mapping[str, Levels]],
        watch: Callable[[StepReport, float], None],
        status_of: Callable[[EngineService], bytes],
        models_loaded: Callable[[], bool],
        long_work: Mapping[str, LongWork],
        after_start: Callable[[EngineService], None],
        close: Callable[[], None],
    ) -> None:
        super().__init__(market)
        self.events = events
        self.recovery: Recovery | None = None
        self.last_decision: StepReport | None = None
        self.clock = clock
        self._thread = EngineThread()
        self.runner = JobRunner(clock, events, lambda finish: self._thread.submit(finish).result())
        self._build = build
        self._make_readers = readers
        self._levels_of = levels_of
        self._watch = watch
        self._status_of = status_of
        self._models_loaded = models_loaded
        self._long_work = long_work
        self._after_start = after_start
        self._close = close
        self._halts = 0
        self._started = time.monotonic()
        self._status_cache: tuple[float, bytes] = (-1.0, b"")

    def start(self) -> None:
        """Begin building and recovering on the engine thread; returns at once."""
        self._thread.submit(self._begin)

    def begin_stop(self) -> None:
        """Begin nothing new and end the children, so that those who wait for them are answered."""
        self._thread.stopping.set()
        self.runner.stop()

    async def stop(self) -> None:
        """Let the running step finish (or be recovered at the next start), then let go of the files."""
        self.begin_stop()
        await self._thread.stop(self._close, STOP_SECONDS_MAX)

    def now(self) -> datetime:
        """Give the engine's moment: with recorded bars it is not the wall clock's."""
        return (self.engine.parts.clock if self.engine else self.clock).now()

    def health(self) -> Mapping[str, Any]:
        """Answer at once: no network, no models, no lock."""
        engine, report, now = self.engine, self.last_decision, self.now()
        return {
            "status": "ok",
            "models_loaded": self._models_loaded(),
            "server_uptime": round(time.monotonic() - self._started, 3),
            "ready": not self._not_ready,
            "not_ready": self._not_ready,
            "trading_state": engine.state.value if engine else None,
            "last_decision_age_seconds": round((now - report.as_of).total_seconds(), 3) if report else None,
            "last_bar_age_seconds": engine.last_bar_age_seconds(now) if engine else None,
        }

    def not_ready_reason(self) -> str:
        """Say why the engine is not ready; empty once it is."""
        return self._not_ready

    def status(self) -> bytes:
        """Give the whole status, encoded at most once a second."""
        at, body = self._status_cache
        if time.monotonic() - at > 1.0:
            body = self._status_of(self)
            self._status_cache = (time.monotonic(), body)
        return body

    async def analyse(self, cycle: Cycle) -> AnalysisReport:
        """Hear the team without deciding."""
        return await self._on_engine(lambda engine: engine.analyse(cycle))

    async def step(self, cycle: Cycle) -> StepReport:
        """Run one step."""
        return await self._on_engine(lambda engine: self._step(engine, cycle))

    async def execute(self, decision_id: str | None, *, dry_run: bool) -> Execution:
        """Send a recorded decision's orders, on the book of now."""

        def go(engine: Engine) -> Execution:
            if not dry_run:
                self._step(engine, SETTLE)
            return guarded(engine, lambda: execute(engine, decision_id, dry_run=dry_run))

        return await self._on_engine(go)

    async def halt(self, reason: str) -> None:
        """Stop sending at once, even inside a running step; then write HALTED down."""
        self._require_engine().stop_sending.set()
        self._halts += 1
        await self._on_engine(lambda engine: engine.set_state(TradingState.HALTED, reason))
        self._status_cache = (-1.0, b"")

    async def resume(self) -> None:
        """Go back to ACTIVE, unless a halt was asked for later; losses are measured from here on."""
        halts = self._halts

        def go(engine: Engine) -> None:
            self.recovery = accept(engine, self.recovery)
            if self._halts == halts:
                engine.stop_sending.clear()
            engine.faults = 0
            engine.rebase()
            engine.set_state(TradingState.ACTIVE, "resumed by a person")
            self._write_book(engine)

        await self._on_engine(go)

    async def flatten(self) -> StepReport:
        """Cancel open buys and sell everything; entries stay off until a person resumes."""
        halts = self._halts

        def go(engine: Engine) -> StepReport:
            if self._halts == halts:
                engine.stop_sending.clear()
            if engine.state is TradingState.ACTIVE:
                engine.set_state(TradingState.REDUCING, "flattened by a person")
            guarded(engine, lambda: cancel_entries(engine))
            return self._step(engine, FLATTEN)

        return await self._on_engine(go)

    def portfolio(self) -> Portfolio:
        """Give the book after the last step."""
        return self._require_engine().portfolio

    def levels(self) -> Mapping[str, Levels]:
        """Give each held position's nearest stop and target."""
        return self._levels_of(self._require_engine())

    def start_job(self, kind: str, parameters: Mapping[str, Any]) -> Job:
        """Start long work; a RequestError with status 409 if one of its kind runs."""
        work = self._long_work.get(kind)
        if work is None:
            raise RequestError(f"There is no job of kind {kind}.", status=404)
        return work(self._require_engine(), self.runner, parameters)

    async def finished(self, job_id: str) -> Job:
        """Wait until a job has ended."""
        return await asyncio.get_running_loop().run_in_executor(None, self.runner.wait, job_id)

    def job(self, job_id: str) -> Job | None:
        """Give one job."""
        return self.runner.get(job_id)

    def jobs(self) -> Sequence[Job]:
        """Give the jobs since the start, newest first."""
        return self.runner.all()

    def _begin(self) -> None:
        try:
            if self._recovered():
                self._not_ready = ""
                if not self._thread.stopping.is_set():
                    self._after_start(self)
        except Exception as error:  # the thread's edge: a fault must be told, not vanish
            if self._not_ready:
                self._not_ready = f"The start failed: {error}"
            log.error("start.failed", reason=str(error), exc_info=not isinstance(error, EngineError))

    def _recovered(self) -> bool:
        """Build and reconcile, again and again while what failed may come back; False when stopping."""
        wait_seconds = 1.0
        while not self._thread.stopping.is_set():
            try:
                engine = self.engine = self.engine or self._build()
                self._readers = self._make_readers()
                found = self.recovery = recover(engine)
            except Recoverable as error:
                self._not_ready = f"The start waits for what failed, and tries again: {error}"
                log.warning("start.retry", reason=str(error), wait_seconds=wait_seconds)
                self._thread.stopping.wait(wait_seconds)
                wait_seconds = min(2 * wait_seconds, RETRY_SECONDS_MAX)
                continue
            self.last_decision = newest_decision(engine.parts.ledger)
            tell = log.error if found.differences else log.info
            tell("start.recovered", mended=found.mended, differences=found.differences)
            return True
        return False

    def _step(self, engine: Engine, cycle: Cycle) -> StepReport:
        began = time.perf_counter()
        report = guarded_step(engine, cycle)
        seconds = time.perf_counter() - began
        self._watch(report, seconds)
        if is_decision(report):
            self.last_decision = report
        self._status_cache = (-1.0, b"")
        log.info("step", **step_line(report, seconds))
        return report

    def _write_book(self, engine: Engine) -> None:
        """Let a step write the book down, so that a restart knows it too."""
        try:
            self._step(engine, SETTLE)
        except Recoverable as error:
            log.warning("resume.book_not_written", reason=str(error))

    async def _on_engine(self, ask: Callable[[Engine], Result]) -> Result:
        engine = self._require_engine()
        return await self._thread.ask(lambda: ask(engine))

    def _require_engine(self) -> Engine:
        if self.engine is None or self._not_ready:
            raise RequestError(self._not_ready, hint="GET /ready tells when it is.", status=503)
        return self.engine
