"""The jobs of the daemon: whether they run, and wired to the clock, the calendar and the store of their runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from config.environment import Environment
from config.jobs import SchedulerSettings
from core.entry_terms import EntryKind
from core.letter import LetterQueries
from core.ports import Clock, EventSink
from core.schedule import ScheduledJob, Timetable
from core.service import Service
from daemon.process_memory import release_memory
from scheduler.timetable import JOBS, LETTER, Admission

if TYPE_CHECKING:
    from scheduler.cron import Cron

SPECS = (*JOBS, LETTER)
OFF = "ENABLE_CRON is not set"
RECORDED = "the bars are recorded and the clock stands at their end, so nothing comes due"


class JobScheduler:
    """The jobs of the daemon: made and started where ENABLE_CRON says so.

    Attributes
    ----------
    cron : Cron or None
        The jobs, once started and if they run.
    """

    def __init__(
        self,
        environment: Environment,
        settings: SchedulerSettings,
        clock: Clock,
        events: EventSink,
        entries: EntryKind = EntryKind.MARKET,
    ) -> None:
        self._entries = entries
        self._environment = environment
        self._settings = settings
        self._clock = clock
        self._events = events
        self._off = "" if environment.enable_cron else OFF
        self._letters: LetterQueries | None = None
        self.cron: Cron | None = None

    @property
    def faults(self) -> list[str]:
        """Why nothing runs by itself though ENABLE_CRON is set, and what should have begun and has not."""
        if self._off == RECORDED:
            return [f"jobs: ENABLE_CRON is set but {self._off}"]
        return self.cron.overdue() if self.cron is not None else []

    def write_with(self, letters: LetterQueries) -> None:
        """Let the letter be written after each close."""
        self._letters = letters

    def start(self, service: Service) -> None:
        """Make the jobs; their alarms are set only on the machine's clock, since no other can be waited on."""
        if self._environment.enable_cron and self._clock_stands():
            self._off = RECORDED
        if self._off:
            return
        from adapters.calendar import NyseCalendar  # noqa: PLC0415  # with the jobs
        from adapters.run_store import FileRunStore  # noqa: PLC0415  # with the jobs
        from scheduler.cron import Cron  # noqa: PLC0415  # brings APScheduler
        from scheduler.jobs import AUCTION_WORK, WORK  # noqa: PLC0415  # with the jobs

        work = AUCTION_WORK if self._entries is EntryKind.OPENING_AUCTION else WORK
        self.cron = Cron(
            service,
            clock=self._clock,
            calendar=NyseCalendar(),
            events=self._events,
            store=FileRunStore(self._environment.state_dir / "jobs.json"),
            settings=self._settings,
            specs=SPECS,
            work={**work, LETTER.name: self._write_letter},
        )
        if self._clock.is_real_time:
            self.cron.start()

    def stop(self) -> None:
        """Begin nothing more."""
        if self.cron is not None:
            self.cron.stop()

    def timetable(self) -> Timetable:
        """Return each job with its last and next run, or why none runs."""
        if self.cron is not None:
            return self.cron.timetable()
        idle = (ScheduledJob(name=s.name, schedule=s.schedule, skipped_reason=self._off) for s in SPECS)
        return Timetable(enabled=False, jobs=tuple(idle))

    async def _write_letter(self, service: Service, admission: Admission) -> str:
        """Write the session's letter, off the event loop."""
        del service, admission
        if self._letters is None:
            return "no letter: there is nobody to write it"
        letter = await asyncio.to_thread(self._letters.write_letter)
        await asyncio.to_thread(release_memory)  # it read the whole session
        told = {"session": letter.session, "text": self._letters.text(letter)}
        self._events.publish("letter.written", self._clock.now(), told)
        return f"letter of {letter.session}: {letter.steps} steps, {len(letter.fills)} fills"

    def _clock_stands(self) -> bool:
        return self._environment.provider == "parquet" and self._clock.is_real_time
