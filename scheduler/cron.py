"""The jobs of ENABLE_CRON: each due moment runs once, or the reason why not is written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import structlog

from config.jobs import SchedulerSettings
from core.errors import EngineError
from core.plain_words import plain_reason
from core.ports import Calendar, Clock, EventSink
from core.schedule import LastRun, RunStore, ScheduledJob, Timetable
from core.service import Service
from core.times import NEW_YORK
from scheduler.alarms import Alarms
from scheduler.clock_watch import LOOK_SECONDS, ClockGap, ClockWatch
from scheduler.jobs import WORK, Work
from scheduler.timetable import JOBS, Admission, JobSpec, admit

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = structlog.get_logger("jobs")
READY_POLL_SECONDS = 0.2
LOOK_BACK = timedelta(days=7)
LOOK_AHEAD = timedelta(days=14)
STARTING = "waits until the engine is ready"
NO_PROCESS, NO_RUN = "no process ran", "nothing ran"
OVERDUE = timedelta(seconds=60)
INTERRUPTED = "interrupted: the process ended before it did"


class DueRun(NamedTuple):
    """A run that begins: the moment it was due at, and whether it may send orders."""

    due_at: datetime
    admission: Admission


class Cron:
    """Runs the jobs on the event loop; every step itself is the engine thread's.

    The alarm is APScheduler's; whether a due moment runs is decided here, from the clock, the calendar and
    what was run before, so a moved clock (`soonest`, `fire`) does exactly what the alarm does.

    Parameters
    ----------
    work : mapping of str to Work
        What each job asks of the service.
    look_seconds : float
        How often the watch compares the clocks.
    """

    def __init__(
        self,
        service: Service,
        *,
        clock: Clock,
        calendar: Calendar,
        events: EventSink,
        store: RunStore,
        settings: SchedulerSettings,
        specs: Sequence[JobSpec] = JOBS,
        work: Mapping[str, Work] = WORK,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self.alarms = Alarms(specs)
        self._service = service
        self._clock = clock
        self._calendar = calendar
        self._events = events
        self._store = store
        self._settings = settings
        self._specs = {spec.name: spec for spec in specs}
        self._work = work
        self._look_seconds = look_seconds
        self._runs: dict[str, LastRun] = {}
        self._next: dict[str, datetime] = {}
        self._running: set[str] = set()
        self._alarm: AsyncIOScheduler | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Set the alarms, on the running event loop, once the engine is ready."""
        self._beginning = asyncio.get_running_loop().create_task(self._begin())

    def stop(self) -> None:
        """Begin nothing more; a step that runs is the engine's to finish."""
        if self._beginning is not None:
            self._beginning.cancel()
        if self._watching is not None:
            self._watching.cancel()
        if self._alarm is not None and self._alarm.running:
            self._alarm.shutdown(wait=False)

    async def open(self) -> None:
        """Take up where the last process left: load its runs, and write down which were missed since."""
        await asyncio.to_thread(self._take_up, self._clock.now())  # builds the calendar, which takes a second

    async def catch_up(self) -> None:
        """Run what came due while no process was there and is within its grace; a first start missed nothing."""
        await asyncio.gather(*(self.fire(name) for name in self._specs if name in self._runs))

    async def wake(self, gap: ClockGap) -> None:
        """Go on after a gap in time: say so, write down what fell into it, and run once what is still due."""
        now = gap.until
        log.warning("jobs.gap", since=gap.since.isoformat(), until=now.isoformat())
        message = f"{gap.text} No job ran in it and no stop was watched; what is due now runs, once."
        self._events.publish("risk.alert", now, {"message": message})
        for name, run in list(self._runs.items()):
            if name not in self._running:
                self._note_missed(name, run, now, NO_RUN)
        self._next = {name: self._next_run(name, now) for name in self._specs}
        if self._alarm is not None:
            self._alarm.wakeup()
        await asyncio.gather(*(self.fire(name) for name in self._specs if self._is_due_since(name, gap)))

    def overdue(self) -> list[str]:
        """Return the jobs whose next run should have begun a while ago, in words."""
        late = self._clock.now() - OVERDUE
        return [
            f"jobs: {name} was due at {_at(due)} New York and has not begun: run it now "
            "under Jobs on the dashboard's overview; where more are late, see the log and restart the daemon"
            for name, due in self._next.items()
            if due < late and name not in self._running
        ]

    async def fire(self, name: str) -> None:
        """Run what is due of a job now, once; else write down why not."""
        run = self._begin_run(name)
        if run is None:
            return
        began = time.perf_counter()
        deadline = asyncio.get_running_loop().call_later(
            self._settings.of(name).deadline_seconds, self._overrun, name, run.due_at
        )
        try:
            status, outcome = "done", await self._work[name](self._service, run.admission)
        except EngineError as error:
            status, outcome = "failed", f"failed: {error}"
        except Exception as error:  # the job's edge: a bug in one run must not silence the runs to come
            status, outcome = "failed", f"failed: a bug: {plain_reason(error)}"
            log.exception("jobs.bug", job=name)
        finally:
            deadline.cancel()
            self._running.discard(name)
        took_ms = round((time.perf_counter() - began) * 1000, 3)
        self._keep(name, replace(self._runs[name], finished=True, outcome=outcome, duration_ms=took_ms))
        self._publish(name, run.due_at, status, outcome)

    def skip(self, name: str, reason: str) -> None:
        """Write down that a job was due now and did not run."""
        now = self._clock.now()
        self._next[name] = self._next_run(name, now)
        self._skip(name, self.alarms.last_due(name, now, LOOK_BACK) or now, reason)

    def timetable(self) -> Timetable:
        """Return each job with its last run and the next moment it will run at."""
        return Timetable(enabled=True, jobs=tuple(self._line(spec) for spec in self._specs.values()))

    def _take_up(self, now: datetime) -> None:
        self._runs = {name: run for name, run in self._store.load().items() if name in self._specs}
        for name, run in list(self._runs.items()):
            self._note_missed(name, run, now, NO_PROCESS)
        self._next = {name: self._next_run(name, now) for name in self._specs}

    async def _begin(self) -> None:
        while self._service.not_ready_reason():
            await asyncio.sleep(READY_POLL_SECONDS)
        watch = ClockWatch(self._clock, time.monotonic)  # first: a gap while the jobs are taken up is one too
        await self.open()
        self._alarm = self.alarms.scheduler(self.fire, self.skip, self._settings)
        self._alarm.start()
        log.info("jobs.ring", next={name: at.isoformat() for name, at in self._next.items()})
        self._watching = asyncio.get_running_loop().create_task(self._watch(watch))
        await self.catch_up()

    async def _watch(self, watch: ClockWatch) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            gap = watch.look()
            if gap is not None:
                await self.wake(gap)

    def _is_due_since(self, name: str, gap: ClockGap) -> bool:
        grace = timedelta(seconds=self._settings.of(name).grace_seconds)
        due = self.alarms.last_due(name, gap.until, grace)
        return due is not None and (name in self._runs or due > gap.since)

    def _begin_run(self, name: str) -> DueRun | None:
        """Return the run of a job that begins now; None when none does, with the reason written down."""
        now, known = self._clock.now(), self._runs.get(name)
        due = self.alarms.last_due(name, now, timedelta(seconds=self._settings.of(name).grace_seconds))
        if due is None or (known is not None and known.due_at >= due and known.finished):
            return None
        if name in self._running:
            self.skip(name, "the run before still goes on")
            return None
        admission = admit(self._specs[name], due, now, self._calendar)
        self._next[name] = self._next_run(name, now)
        if admission.skipped_reason:
            self._skip(name, due, admission.skipped_reason)
            return None
        self._keep(name, LastRun(due_at=due, finished=False, run_at=self._clock.now()))
        self._publish(name, due, "running", "")
        self._running.add(name)  # last: a run that could not be written down must not bar the next one
        return DueRun(due, admission)

    def _skip(self, name: str, due: datetime, reason: str) -> None:
        known = self._runs.get(name) or LastRun(due_at=due)
        self._keep(name, replace(known, due_at=due, finished=name not in self._running, skipped_reason=reason))
        if known.skipped_reason != reason:  # a holiday is published once, not every five minutes
            self._publish(name, due, "skipped", reason)

    def _overrun(self, name: str, due: datetime) -> None:
        seconds = self._settings.of(name).deadline_seconds
        message = (
            f"{name}, due at {_at(due)}, has run for more than its deadline of {seconds:g} s. It goes on; what "
            "comes due of it meanwhile is skipped. See /status for what it waits on."
        )
        log.warning("jobs.deadline_passed", job=name, deadline_seconds=seconds)
        self._events.publish("risk.alert", self._clock.now(), {"message": message, "job": name})

    def _note_missed(self, name: str, run: LastRun, now: datetime, why: str) -> None:
        """Write down which runs fell into a time in which none could begin, beyond what is still caught up."""
        if not run.finished:
            self._keep(name, replace(run, outcome=INTERRUPTED))
        grace = timedelta(seconds=self._settings.of(name).grace_seconds)
        gone = self.alarms.all_due(name, max(run.due_at, now - LOOK_BACK), now - grace)
        spec = self._specs[name]
        missed = [due for due in gone if not admit(spec, due, due, self._calendar).skipped_reason]
        if missed:
            self._skip(
                name,
                gone[-1],
                f"missed: {why} at {_at(missed[0])}"
                + (f" and {len(missed) - 1} times since" if len(missed) > 1 else ""),
            )

    def _next_run(self, name: str, now: datetime) -> datetime:
        """Return the next moment the job runs at; the next it is due at, when it runs in none of two weeks."""
        first = moment = self.alarms.next_due(name, now)
        while moment < now + LOOK_AHEAD:
            if not admit(self._specs[name], moment, moment, self._calendar).skipped_reason:
                return moment
            moment = self.alarms.next_due(name, moment)
        return first

    def _line(self, spec: JobSpec) -> ScheduledJob:
        run, next_run_at = self._runs.get(spec.name), self._next.get(spec.name)
        if run is None:
            reason = "" if next_run_at else STARTING
            return ScheduledJob(
                name=spec.name, schedule=spec.schedule, next_run_at=next_run_at, skipped_reason=reason
            )
        return ScheduledJob(
            name=spec.name,
            schedule=spec.schedule,
            last_run_at=run.run_at,
            last_outcome="running" if spec.name in self._running else run.outcome,
            last_duration_ms=run.duration_ms,
            next_run_at=next_run_at,
            skipped_reason=run.skipped_reason,
        )

    def _keep(self, name: str, run: LastRun) -> None:
        self._runs[name] = run
        self._store.save(self._runs)

    def _publish(self, name: str, due: datetime, status: str, message: str) -> None:
        log.info("jobs.run", job=name, due=_at(due), status=status, message=message)
        data = {"job_id": f"{name}-{due:%Y%m%dT%H%M}", "kind": name, "status": status, "message": message}
        self._events.publish("job.progress", self._clock.now(), data)


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M}"
