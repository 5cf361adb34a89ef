"""The engine as the edge sees it: one engine thread, readers that never block, jobs in child processes."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import structlog

from core.cycles import FLATTEN
from core.errors import EngineError, Recoverable, RequestError
from core.ports import Clock, EventSink
from core.service import Execution, Job, OrderRecord, Outlook, Trade
from core.types import Cycle, Fill, Portfolio, StepReport, TradingState
from pipeline.engine import Engine
from pipeline.execution import execute
from pipeline.jobs import JobRunner
from pipeline.recovery import recover

Result = TypeVar("Result")
log = structlog.get_logger("engine")
RETRY_SECONDS_MAX = 60.0


class LongWork(Protocol):
    """A kind of long job: how to start it, given the runner."""

    def __call__(self, engine: Engine, runner: JobRunner, parameters: Mapping[str, Any]) -> Job:
        """Start it."""
        ...


class Readers(Protocol):
    """The ledger's read side; safe from any thread."""

    def decisions(self, limit: int) -> Sequence[StepReport]:
        """Give recorded decisions, newest first."""
        ...

    def decision(self, decision_id: str) -> StepReport | None:
        """Give one recorded decision."""
        ...

    def orders(self, limit: int) -> Sequence[OrderRecord]:
        """Give orders, newest first."""
        ...

    def fills(self, limit: int) -> Sequence[Fill]:
        """Give fills, newest first."""
        ...

    def trades(self, limit: int) -> Sequence[Trade]:
        """Give closed round trips, newest first."""
        ...


class EngineService:
    """Implements `core.service.Service`.

    Parameters
    ----------
    build : callable
        Makes the engine; runs on the engine thread, since it imports heavy libraries and reads the feed.
    readers : callable
        Gives the ledger's read side once the engine is built.
    status_of : callable
        Turns (engine or None, this service) into the status' JSON bytes.
    after_start : callable
        Runs on the engine thread once ready (a first training where there is no model).
    """

    def __init__(
        self,
        *,
        clock: Clock,
        events: EventSink,
        build: Callable[[], Engine],
        readers: Callable[[], Readers],
        status_of: Callable[[EngineService], bytes],
        models_loaded: Callable[[], bool],
        long_work: Mapping[str, LongWork],
        after_start: Callable[[EngineService], None],
    ) -> None:
        self.clock = clock
        self.events = events
        self.runner = JobRunner(clock, events)
        self.engine: Engine | None = None
        self._build = build
        self._make_readers = readers
        self._readers: Readers | None = None
        self._status_of = status_of
        self._models_loaded = models_loaded
        self._long_work = long_work
        self._after_start = after_start
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._stopping = threading.Event()
        self._not_ready = "The engine is starting."
        self._started = time.monotonic()
        self._status_cache: tuple[float, bytes] = (-1.0, b"")

    def start(self) -> None:
        """Begin building and recovering on the engine thread; returns at once."""
        self._thread.submit(self._begin)

    async def stop(self) -> None:
        """Let the running step finish, begin no other, end the children."""
        self._stopping.set()
        self.runner.stop()
        await asyncio.get_running_loop().run_in_executor(None, self._shut_down)

    def health(self) -> Mapping[str, Any]:
        """Answer at once: no network, no models, no lock."""
        engine = self.engine
        report = engine.last_report if engine else None
        now = engine.parts.clock.now() if engine else self.clock.now()
        return {
            "status": "ok",
            "models_loaded": self._models_loaded(),
            "server_uptime": round(time.monotonic() - self._started, 3),
            "ready": not self._not_ready,
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

    async def outlook(self, cycle: Cycle) -> Outlook:
        """Hear the team without deciding."""
        return await self._on_engine(lambda engine: engine.outlook(cycle))

    async def step(self, cycle: Cycle) -> StepReport:
        """Run one step."""
        return await self._on_engine(lambda engine: self._step(engine, cycle))

    async def execute(self, decision_id: str | None, *, dry_run: bool) -> Execution:
        """Send a recorded decision's orders."""
        return await self._on_engine(lambda engine: execute(engine, decision_id, dry_run=dry_run))

    async def halt(self, reason: str) -> None:
        """Stop sending at once, even inside a running step; then write HALTED down."""
        self._require_engine().stop_sending.set()
        await self._on_engine(lambda engine: engine.set_state(TradingState.HALTED, reason))

    async def resume(self) -> None:
        """Go back to ACTIVE."""

        def go(engine: Engine) -> None:
            engine.stop_sending.clear()
            engine.faults = 0
            engine.rebase()
            engine.set_state(TradingState.ACTIVE, "resumed by a person")

        await self._on_engine(go)

    async def flatten(self) -> StepReport:
        """Sell everything; entries stay off until a person resumes."""

        def go(engine: Engine) -> StepReport:
            engine.stop_sending.clear()
            if engine.state is TradingState.ACTIVE:
                engine.set_state(TradingState.REDUCING, "flattened by a person")
            return self._step(engine, FLATTEN)

        return await self._on_engine(go)

    def decisions(self, limit: int) -> Sequence[StepReport]:
        """Give recorded decisions, newest first."""
        return self._require_readers().decisions(limit)

    def decision(self, decision_id: str) -> StepReport | None:
        """Give one recorded decision."""
        return self._require_readers().decision(decision_id)

    def orders(self, limit: int) -> Sequence[OrderRecord]:
        """Give orders, newest first."""
        return self._require_readers().orders(limit)

    def fills(self, limit: int) -> Sequence[Fill]:
        """Give fills, newest first."""
        return self._require_readers().fills(limit)

    def trades(self, limit: int) -> Sequence[Trade]:
        """Give closed round trips, newest first."""
        return self._require_readers().trades(limit)

    def portfolio(self) -> Portfolio:
        """Give the book after the last step."""
        return self._require_engine().portfolio

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
        wait_seconds = 1.0
        while not self._stopping.is_set():
            try:
                engine = self._build() if self.engine is None else self.engine
                self.engine = engine
                self._readers = self._make_readers()
                found = recover(engine)
            except Recoverable as error:
                self._not_ready = f"The start waits for what failed, and tries again: {error}"
                log.warning("start.retry", reason=str(error), wait_seconds=wait_seconds)
                self._stopping.wait(wait_seconds)
                wait_seconds = min(2 * wait_seconds, RETRY_SECONDS_MAX)
                continue
            except EngineError as error:
                self._not_ready = f"The start failed: {error}"
                log.error("start.failed", reason=str(error))
                return
            log.info("start.recovered", mended=found.mended, differences=found.differences)
            self._not_ready = ""
            self._after_start(self)
            return

    def _step(self, engine: Engine, cycle: Cycle) -> StepReport:
        if self._stopping.is_set():
            raise RequestError("The engine is stopping: no new step begins.", status=503)
        try:
            report = engine.step(cycle)
        except Recoverable as error:
            if cycle.as_of is not None:
                raise RequestError(error.message, hint=error.hint, status=422) from error
            engine.fault(error)
            raise
        engine.faults = 0
        self._status_cache = (-1.0, b"")
        log.info(
            "step", cycle=cycle.name, decision_id=report.decision_id, approved=len(report.plan.approved),
            refused=len(report.plan.refused), fills=len(report.fills), state=report.plan.state.value,
        )  # fmt: skip
        return report

    async def _on_engine(self, ask: Callable[[Engine], Result]) -> Result:
        engine = self._require_engine()
        return await asyncio.get_running_loop().run_in_executor(self._thread, ask, engine)

    def _require_engine(self) -> Engine:
        if self.engine is None or self._not_ready:
            raise RequestError(self._not_ready, hint="GET /ready tells when it is.", status=503)
        return self.engine

    def _require_readers(self) -> Readers:
        if self._readers is None:
            raise RequestError(self._not_ready, hint="GET /ready tells when it is.", status=503)
        return self._readers

    def _shut_down(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
