"""The engine as the edge sees it: one engine thread, queries that never block, long work in child processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from core.brackets import Levels
from core.cycles import FLATTEN, SETTLE
from core.errors import LedgerError, Recoverable, RequestError
from core.flattening import FlattenProgress
from core.long_jobs import Job
from core.memory import Recollection
from core.protection import PositionProtection
from core.reconciliation import Resumption
from core.schedule import Timetable
from core.service import AnalysisReport, EquityPoint, Execution, LedgerQueries, OrderRecord
from core.types import Cycle, Decision, Portfolio, StepReport
from daemon.child_jobs import JobRunner
from daemon.engine_thread import EngineThread
from daemon.equity_comparison import compare_with_market
from daemon.halt_recorder import HaltRecorder
from daemon.health import engine_health
from daemon.logs import log_step
from daemon.reconciliation_card import log_recovery, reconciliation_card
from daemon.resumption import resume_engine
from daemon.service_dependencies import ServiceDependencies
from daemon.settle_trigger import SettleTrigger
from daemon.start_retries import report_failed_start, report_retry, start_retries
from daemon.unwatched import UnwatchedLog, execute_with_warning
from pipeline.engine import Engine
from pipeline.execution import is_decision, newest_decision
from pipeline.fault_policy import step_under_policy
from pipeline.flattening import Flattening, flatten_progress
from pipeline.order_cancel import cancel_order
from pipeline.person_sale import sell
from pipeline.reconciliation import Recovery, recover

Result = TypeVar("Result")


class EngineService:
    """Implements `core.service.Service` with the parts it is given.

    Attributes
    ----------
    engine, recovery, last_decision
        The engine; what the start found between ledger and broker; the newest decision about now. None before.
    """

    def __init__(self, given: ServiceDependencies) -> None:
        self.engine: Engine | None = None
        self.recovery: Recovery | None = None
        self.last_decision: StepReport | None = None
        self._given = given
        self._thread = EngineThread()
        self._runner = JobRunner(given.clock, given.events, lambda finish: self._thread.submit(finish).result())
        self._settle_soon = SettleTrigger(self._thread, lambda: None if self._not_ready else self.engine)
        self._halt_recorder = HaltRecorder()
        self._flattening = Flattening()
        self._ledger: LedgerQueries | None = None
        self._unwatched = UnwatchedLog(self.timetable)
        self._not_ready = "The engine is starting."
        self._start: Future[None] = Future()
        self._started = time.monotonic()
        self._status_cache: tuple[float, bytes] = (-1.0, b"")

    def start(self) -> None:
        """Begin building and recovering on the engine thread, and run the jobs once that is done."""
        self._given.notifications.start(self)
        self._start = self._thread.submit(self._begin)
        self._given.scheduled_jobs.start(self)

    def begin_stop(self) -> None:
        """Begin nothing new and end the children, so that those who wait for them are answered."""
        self._given.scheduled_jobs.stop()
        self._thread.stopping.set()
        self._runner.stop()

    async def stop(self) -> None:
        """Let the running step finish (or be recovered at the next start), then let go of the files."""
        self.begin_stop()
        await self._thread.stop(self._given.close)
        self._halt_recorder.stop()

    def now(self) -> datetime:
        """Return the engine's moment: with recorded bars it is not the wall clock's."""
        return (self.engine.parts.clock if self.engine else self._given.clock).now()

    def health(self) -> Mapping[str, Any]:
        """Answer at once: no network, no models, no lock."""
        return {
            "status": "ok",
            "models_loaded": self._given.ranker.loaded,
            "server_uptime": round(time.monotonic() - self._started, 3),
            "ready": not self._not_ready,
            "not_ready": self._not_ready,
            "trading_state": self.engine.state.value if self.engine else self._halt_recorder.state_before_start,
            "engine_busy_seconds": round(self._thread.busy_seconds(), 3),
            **engine_health(self.engine, self.last_decision, self.now()),
        }

    def starting(self) -> bool:
        """Return whether the start still goes on."""
        return bool(self._not_ready) and not (self._start.done() or self._thread.stopping.is_set())

    def not_ready_reason(self) -> str:
        """Return why the engine is not ready; empty once it is."""
        return self._not_ready

    def status(self) -> bytes:
        """Return the whole status, encoded at most once a second."""
        at, body = self._status_cache
        if time.monotonic() - at > 1.0:
            body = self._given.status_of(self)
            self._status_cache = (time.monotonic(), body)
        return body

    async def analyse(self, cycle: Cycle) -> AnalysisReport:
        """Ask the team for its analysis without deciding."""
        return await self._on_engine(lambda engine: engine.analyse(cycle))

    async def step(self, cycle: Cycle) -> StepReport:
        """Run one step."""
        return await asyncio.wrap_future(self._thread.submit(self._step, self._require_engine(), cycle))

    async def execute(self, decision_id: str | None, *, dry_run: bool) -> Execution:
        """Send a recorded decision's orders, on the portfolio of now."""

        def settle_and_execute(engine: Engine) -> Execution:
            if not dry_run:
                self._step(engine, SETTLE)
            done = execute_with_warning(engine, decision_id, self.timetable(), dry_run=dry_run)
            self._unwatched.note(engine)
            return done

        return await self._on_engine(settle_and_execute)

    async def halt(self, reason: str) -> None:
        """Go to HALTED at once, even inside a running step or the start, and write it down; it never queues."""
        self._status_cache = (-1.0, b"")
        await self._halt_recorder.halt(lambda: self.engine, reason)

    async def resume(self, take_over: Sequence[str] = ()) -> Resumption:
        """Go back to ACTIVE, unless a halt was asked for later; take over what is named, and nothing else."""
        halt_requests = self._require_engine().sending.halt_requests

        def accept_and_resume(engine: Engine) -> Resumption:
            self.recovery, done = resume_engine(engine, self.recovery, take_over, halt_requests, self._step)
            return done

        return await self._on_engine(accept_and_resume)

    async def flatten(self) -> StepReport:
        """Cancel open buys and sell everything, before all that waits; steps go on until it is done."""
        halt_requests = self._require_engine().sending.halt_requests

        def begin(engine: Engine) -> StepReport:
            engine.sending.open(halt_requests)
            self._flattening.begin(engine)
            return self._step(engine, FLATTEN)

        return await asyncio.wrap_future(self._thread.submit_first(begin, self._require_engine()))

    async def sell(self, symbol: str, quantity: Decimal | None) -> StepReport:
        """Sell one position, or a part of it."""
        return await self._on_engine(lambda engine: sell(engine, symbol, quantity, self._step))

    async def cancel(self, client_order_id: str) -> OrderRecord:
        """Cancel one open order."""
        return await self._on_engine(lambda engine: cancel_order(engine, client_order_id, self._step))

    def flatten_progress(self) -> FlattenProgress:
        """Return whether a flatten is in progress, and what is left and why."""
        return flatten_progress(self._require_engine())

    async def rollback(self, model_id: str) -> Mapping[str, Any]:
        """Put a kept ranker back in use: the one named, or the one before."""
        return await self._on_engine(lambda _: self._given.ranker.rollback(model_id))

    @property
    def ledger(self) -> LedgerQueries:
        """The ledger's read side; a RequestError with status 503 before it is open."""
        if self._ledger is None:
            raise RequestError(self._not_ready, hint="GET /ready tells when it is.", status=503)
        return self._ledger

    def equity(self, sessions: int) -> Sequence[EquityPoint]:
        """Return the last sessions' equity beside the market's, oldest first."""
        view, marks = self.engine.last_view if self.engine else None, self.ledger.equity_marks(sessions)
        market = self._given.market._asdict()
        return compare_with_market(marks, view.bars if view else None, sessions=sessions, **market)

    def state_reason(self) -> str:
        """Return why the trading state is what it is; empty when nobody changed it. Never fails."""
        try:
            return self._ledger.state_reason() if self._ledger else ""
        except LedgerError as error:
            return str(error)

    def portfolio(self) -> Portfolio:
        """Return the portfolio after the last step."""
        return self._require_engine().portfolio

    def reconciliation(self) -> Mapping[str, Any]:
        """Return the last comparison of ledger and account as plain values."""
        return reconciliation_card(self._require_engine(), self.recovery)

    def protection(self) -> Mapping[str, PositionProtection]:
        """Return where each position's stop rests, and what is bare."""
        return self._require_engine().parts.protection.by_symbol()

    def levels(self) -> Mapping[str, Levels]:
        """Return each held position's nearest stop and target."""
        return self._given.levels_of(self._require_engine())

    async def memory(self, symbol: str, limit: int) -> Recollection:
        """Return what is remembered of a ticker, newest first."""
        return await self._given.memory.facts(symbol, limit)

    def timetable(self) -> Timetable:
        """Return what runs by itself."""
        return self._given.scheduled_jobs.timetable()

    def start_job(self, kind: str, parameters: Mapping[str, Any]) -> Job:
        """Start long work; a RequestError with status 409 if one of its kind runs."""
        start = self._given.long_work.get(kind)
        if start is None:
            raise RequestError(f"There is no job of kind {kind}.", status=404)
        return start(self._require_engine(), self._runner, parameters)

    async def finished(self, job_id: str) -> Job:
        """Wait until a job has ended."""
        return await asyncio.get_running_loop().run_in_executor(None, self._runner.wait, job_id)

    def job(self, job_id: str) -> Job | None:
        """Return one job."""
        return self._runner.get(job_id)

    def jobs(self) -> Sequence[Job]:
        """Return the jobs since the start, newest first."""
        return self._runner.all()

    def _begin(self) -> None:
        try:
            engine = start_retries(self._thread.stopping, self._note_retry)(self._build_and_recover)
            if engine is not None and not self._thread.stopping.is_set():
                try:  # first, so that whoever waits for readiness finds the training's job
                    self._given.ranker.train_if_missing(engine, self._runner)
                finally:
                    self._not_ready = ""
        except Exception as error:  # noqa: BLE001  # the thread's edge: it is logged and published below
            reason = report_failed_start(error, self._publish_alert)
            self._not_ready = reason if self._not_ready else ""

    def _build_and_recover(self) -> Engine | None:
        """Build and reconcile; called again while what failed may come back. None when it stops instead."""
        if self._thread.stopping.is_set():
            return None
        engine = self.engine = self.engine or self._given.build(self._settle_soon)
        self._halt_recorder.halt_new_engine(engine)
        self._ledger = self._given.open_ledger()
        self.last_decision, self.recovery = newest_decision(engine.parts.ledger), recover(engine)
        log_recovery(self.recovery)
        self._unwatched.note(engine)
        return engine

    def _note_retry(self, error: Recoverable, wait_seconds: float) -> None:
        self._not_ready = report_retry(error, wait_seconds, self._publish_alert)

    def _publish_alert(self, alert: Mapping[str, str]) -> None:
        self._given.events.publish("risk.alert", self._given.clock.now(), alert)

    def _step(self, engine: Engine, cycle: Cycle, requested: Sequence[Decision] = ()) -> StepReport:
        began = time.perf_counter()
        report = step_under_policy(engine, self._flattening.cycle_of(engine, cycle), requested)
        report = self._flattening.go_on(engine, cycle, report)
        seconds = time.perf_counter() - began
        if is_decision(report):
            self.last_decision = report
        self._status_cache = (-1.0, b"")
        log_step(report, seconds)
        self._given.on_step(engine, report, seconds)
        self._unwatched.note(engine)
        return report

    async def _on_engine(self, work: Callable[[Engine], Result]) -> Result:
        return await asyncio.wrap_future(self._thread.submit(work, self._require_engine()))

    def _require_engine(self) -> Engine:
        if self.engine is None or self._not_ready:
            raise RequestError(self._not_ready, hint="GET /ready tells when it is.", status=503)
        return self.engine
