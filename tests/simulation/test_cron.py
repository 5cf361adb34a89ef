"""The jobs under a driven clock: each due moment once, over kills and restarts; what is not run says why."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock, SystemClock
from adapters.events.hub import EventHub
from adapters.run_store import FileRunStore
from config.jobs import JobSettings, SchedulerSettings
from core.errors import DataError
from core.events import Event
from core.ports import Clock
from core.schedule import ScheduledJob
from core.service import Service
from scheduler.cron import INTERRUPTED, Cron
from scheduler.timetable import JOBS, Admission, JobSpec, admit
from tests.simulation.driven import in_new_york as at

CALENDAR = NyseCalendar()
WEDNESDAY = date(2025, 11, 26)
SETTINGS = SchedulerSettings()
Ran = list[tuple[str, datetime, bool]]


class Ready:
    """All that the jobs ask of the service before their own work."""

    def not_ready_reason(self) -> str:
        return ""


class World:
    """A state folder that outlives its processes, and what every process in it ran."""

    def __init__(self, folder: Path, begins: datetime) -> None:
        self.clock = ManualClock(begins)
        self.store = FileRunStore(folder / "jobs.json")
        self.ran: Ran = []
        self.hub = EventHub()

    def process(self, specs: Sequence[JobSpec] = JOBS, clock: Clock | None = None, **changes: Any) -> Cron:
        async def run(name: str, admission: Admission) -> str:
            self.ran.append((name, self.clock.now(), admission.exchange_open))
            return "done"

        work = {spec.name: _named(spec.name, run) for spec in specs}
        return Cron(
            cast(Service, Ready()), clock=clock or self.clock, calendar=CALENDAR, events=self.hub,
            store=self.store, specs=specs, **{"settings": SETTINGS, "work": work, **changes},
        )  # fmt: skip

    async def live(self, cron: Cron, until: datetime) -> None:
        """One process from now until a moment."""
        await cron.open()
        await cron.catch_up()
        while (due := cron.alarms.soonest(self.clock.now()))[0] <= until:
            self.clock.set(due[0])
            for name in due[1]:
                await cron.fire(name)
        self.clock.set(until)

    def events(self, topic: str) -> list[Event]:
        return [event for event in self.hub._log if event.topic == topic]


def _named(name: str, run: Any) -> Any:
    async def work(_: Service, admission: Admission) -> str:
        return cast(str, await run(name, admission))

    return work


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, at(WEDNESDAY, 8))


def job(cron: Cron, name: str) -> ScheduledJob:
    return next(line for line in cron.timetable().jobs if line.name == name)


def expected(cron: Cron, since: datetime, until: datetime) -> list[tuple[str, datetime]]:
    return [
        (spec.name, due)
        for spec in JOBS
        for due in cron.alarms.all_due(spec.name, since, until)
        if not admit(spec, due, due, CALENDAR).skipped_reason
    ]


# --- each due moment once --------------------------------------------------------------------------------------


def test_ten_days_over_thanksgiving_run_each_due_moment_once(world: World) -> None:
    cron, since = world.process(), world.clock.now()
    until = since + timedelta(days=10)
    asyncio.run(world.live(cron, until))
    ran = [(name, moment) for name, moment, _ in world.ran]
    assert sorted(ran) == sorted(expected(cron, since, until))
    assert len(ran) == len(set(ran)) > 500
    skips = [e.data for e in world.events("job.progress") if e.data["status"] == "skipped"]
    told = [data["message"] for data in skips if data["kind"] == "cron_decide"]
    assert [text.split(" of ")[0].split(":")[0] for text in told] == [
        "Thu 2025-11-27 has no session", "after the half day's close at 13",
    ], "each reason is told once, not every quarter of an hour"  # fmt: skip


DOWN_SECONDS = st.integers(min_value=1, max_value=5400)
UP_SECONDS = st.integers(min_value=600, max_value=7200)


@settings(max_examples=15, deadline=None)
@given(lives=st.lists(st.tuples(UP_SECONDS, DOWN_SECONDS), min_size=2, max_size=6))
def test_restarts_repeat_nothing_and_miss_nothing_without_saying_so(lives: list[tuple[int, int]]) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder), at(WEDNESDAY, 9, 40))
        since = world.clock.now()
        down: list[tuple[datetime, datetime]] = []
        for up_seconds, down_seconds in lives:
            cron = world.process()
            dies_at = world.clock.now() + timedelta(seconds=up_seconds)
            asyncio.run(world.live(cron, dies_at))
            world.clock.advance(timedelta(seconds=down_seconds))
            down.append((dies_at, world.clock.now()))
        asyncio.run(world.live(cron := world.process(), world.clock.now()))
        assert world.ran
        assert_each_once_or_told(world, cron, since, down)


def assert_each_once_or_told(
    world: World, cron: Cron, since: datetime, down: list[tuple[datetime, datetime]]
) -> None:
    for name in ("cron_risk_check", "cron_decide"):
        grace = timedelta(seconds=SETTINGS.of(name).grace_seconds)
        spec = next(spec for spec in JOBS if spec.name == name)
        moments = [moment for ran, moment, _ in world.ran if ran == name]
        dues = [cron.alarms.last_due(name, moment, grace) for moment in moments]
        assert len(dues) == len(set(dues)), f"{name} ran twice for one due moment"
        for due in cron.alarms.all_due(name, since, world.clock.now()):
            if due in dues or admit(spec, due, due, CALENDAR).skipped_reason:
                continue
            asleep = [span for span in down if span[0] < due <= span[1]]
            assert asleep, f"{name} of {due} was missed while the process was up"
            later = cron.alarms.all_due(name, due, asleep[0][1])
            first_start = all(moment > due for moment in moments)
            assert asleep[0][1] - due >= grace or later or first_start, f"{name} of {due} was not caught up"


def test_a_restart_in_the_middle_of_a_window_catches_up_and_does_not_repeat(world: World) -> None:
    asyncio.run(world.live(world.process(), at(WEDNESDAY, 10, 14)))
    world.clock.set(at(WEDNESDAY, 10, 16))
    before = len(world.ran)
    asyncio.run(world.live(world.process(), at(WEDNESDAY, 10, 16)))
    assert [name for name, *_ in world.ran[before:]] == ["cron_risk_check", "cron_decide"], "10:15, a minute late"
    world.clock.advance(timedelta(seconds=20))
    asyncio.run(world.live(world.process(), at(WEDNESDAY, 10, 19)))
    assert len(world.ran) == before + 2, "the second restart repeats nothing"


def test_what_no_process_was_there_for_is_told(world: World) -> None:
    asyncio.run(world.live(world.process(), at(WEDNESDAY, 10, 14)))
    world.clock.set(at(WEDNESDAY, 11, 10))
    asyncio.run(world.live(cron := world.process(), at(WEDNESDAY, 11, 10)))
    reason = job(cron, "cron_decide").skipped_reason
    assert reason == "missed: no process ran at Wed 2025-11-26 10:15 and 3 times since"
    assert job(cron, "cron_decide").last_run_at == at(WEDNESDAY, 10)
    assert job(cron, "cron_risk_check").last_run_at == at(WEDNESDAY, 11, 10)


def test_a_first_start_runs_nothing_before_its_time(world: World) -> None:
    world.clock.set(at(WEDNESDAY, 10, 16))
    asyncio.run(world.live(world.process(), at(WEDNESDAY, 10, 19)))
    assert world.ran == []


def test_a_run_that_the_process_did_not_outlive_is_told_and_run_again_within_the_grace(world: World) -> None:
    async def killed() -> None:
        forever = asyncio.Event()

        async def hang(_: Service, __: Admission) -> str:
            await forever.wait()
            return ""

        cron = world.process(work={spec.name: hang for spec in JOBS})
        await cron.open()
        world.clock.set(at(WEDNESDAY, 10, 15))
        run = asyncio.create_task(cron.fire("cron_decide"))
        await asyncio.sleep(0)
        assert job(cron, "cron_decide").last_outcome == "running"
        run.cancel()

    asyncio.run(killed())
    world.clock.set(at(WEDNESDAY, 10, 16))
    cron = world.process()
    asyncio.run(cron.open())
    assert job(cron, "cron_decide").last_outcome == INTERRUPTED
    asyncio.run(cron.catch_up())
    assert [name for name, *_ in world.ran] == ["cron_decide"]
    assert job(cron, "cron_decide").last_outcome == "done"


# --- a run that goes wrong -------------------------------------------------------------------------------------


def test_a_passed_deadline_is_an_alert_and_the_next_run_waits(world: World) -> None:
    quick = SETTINGS.model_copy(update={"cron_decide": JobSettings(grace_seconds=300.0, deadline_seconds=0.001)})

    async def go() -> Cron:
        release = asyncio.Event()

        async def slow(_: Service, __: Admission) -> str:
            await release.wait()
            return "late"

        cron = world.process(work={spec.name: slow for spec in JOBS}, settings=quick)
        await cron.open()
        world.clock.set(at(WEDNESDAY, 10, 15))
        run = asyncio.create_task(cron.fire("cron_decide"))
        while not world.events("risk.alert"):
            await asyncio.sleep(0.001)
        world.clock.set(at(WEDNESDAY, 10, 30))
        await cron.fire("cron_decide")
        assert job(cron, "cron_decide").skipped_reason == "the run before still goes on"
        release.set()
        await run
        return cron

    cron = asyncio.run(go())
    message = world.events("risk.alert")[0].data["message"]
    assert message.startswith("cron_decide, due at Wed 2025-11-26 10:15, has run for more than its deadline")
    line = job(cron, "cron_decide")
    assert line.last_outcome == "late"
    assert line.skipped_reason == "the run before still goes on"
    assert line.next_run_at == at(WEDNESDAY, 10, 45)


@pytest.mark.parametrize("error", [DataError("no bars"), ZeroDivisionError("a bug")])
def test_a_failed_run_is_told_and_the_next_one_runs(world: World, error: Exception) -> None:
    calls = []

    async def once(_: Service, __: Admission) -> str:
        calls.append(world.clock.now())
        if len(calls) == 1:
            raise error
        return "well"

    cron = world.process(work={spec.name: once for spec in JOBS})

    async def go() -> None:
        await cron.open()
        for minute in (15, 30):
            world.clock.set(at(WEDNESDAY, 10, minute))
            await cron.fire("cron_decide")
            if minute == 15:
                assert str(error) in job(cron, "cron_decide").last_outcome

    asyncio.run(go())
    assert job(cron, "cron_decide").last_outcome == "well"
    statuses = [event.data["status"] for event in world.events("job.progress")]
    assert statuses == ["running", "failed", "running", "done"]


# --- the alarm and the memory ----------------------------------------------------------------------------------


def test_apscheduler_rings_what_is_due_never_twice_at_once_and_says_what_it_slept_through(world: World) -> None:
    specs = [
        JobSpec(name=name, schedule="", crontabs=(line,), on_sessions=False, until_close=False)
        for name, line in (("cron_risk_check", "* * * * *"), ("cron_decide", "0 0 1 1 *"))
    ]

    async def go() -> tuple[Cron, Any]:
        cron = world.process(specs=specs, clock=SystemClock())
        cron.start()
        while cron._alarm is None or not cron._alarm.running:
            await asyncio.sleep(0.001)
        jobs = cron._alarm.get_jobs()
        now = datetime.now(UTC)
        jobs[0].modify(next_run_time=now)
        jobs[1].modify(next_run_time=now - timedelta(hours=1))
        while not (world.ran and job(cron, "cron_decide").skipped_reason):
            await asyncio.sleep(0.001)
        cron.stop()
        return cron, jobs

    cron, jobs = asyncio.run(go())
    assert [(found.max_instances, found.coalesce) for found in jobs] == [(1, True)] * 2
    assert [found.misfire_grace_time for found in jobs] == [120, 300]
    assert [name for name, *_ in world.ran] == ["cron_risk_check"]
    assert "held up for longer than the grace" in job(cron, "cron_decide").skipped_reason


def test_a_damaged_memory_is_kept_and_begun_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = FileRunStore(tmp_path / "jobs.json")
    (tmp_path / "jobs.json").write_bytes(b'{"cron_decide": {"due_at"')
    assert store.load() == {}
    assert (tmp_path / "jobs.refused").read_bytes().startswith(b'{"cron')
    assert "no run is caught up" in caplog.text
