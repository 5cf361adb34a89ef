"""A suspended machine under a driven pair of clocks: what is due runs within a minute of waking, once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from adapters.clock import ManualClock
from scheduler.clock_watch import LOOK_SECONDS, ClockWatch
from scheduler.cron import Cron
from scheduler.timetable import JOBS, admit
from tests.simulation.driven import in_new_york as at
from tests.simulation.test_cron import CALENDAR, SETTINGS, World, job

ROOT = Path(__file__).parents[2]
MINUTE = timedelta(minutes=1)
SUSPENDS = int(os.environ.get("SUSPENDS", "12"))  # `make chaos-suspend` asks for more
DAYS = [date(2025, 10, 31), date(2025, 11, 1), date(2025, 11, 26), date(2026, 3, 6), date(2026, 6, 10)]
"""The weekends of both changes of the clocks, Thanksgiving, and a week like any other."""


class Machine:
    """A pair of clocks: both run while it is awake, only the wall clock while it sleeps."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.awake_seconds = 0.0
        self.watch = ClockWatch(world.clock, lambda: self.awake_seconds)

    async def awake(self, cron: Cron, until: datetime) -> None:
        """Live until a moment: alarms ring at theirs, the watch looks each half minute."""
        clock = self.world.clock
        look_at = clock.now() + timedelta(seconds=LOOK_SECONDS)
        while clock.now() < until:
            rings_at, names = cron.alarms.soonest(clock.now())
            moment = min(rings_at, look_at, until)
            self.awake_seconds += (moment - clock.now()).total_seconds()
            clock.set(moment)
            if moment == look_at:
                look_at += timedelta(seconds=LOOK_SECONDS)
                gap = self.watch.look()
                assert gap is None
            for name in names if moment == rings_at else ():
                await cron.fire(name)

    async def sleep(self, cron: Cron, seconds: float) -> None:
        """Sleep; the look that was due comes within half a minute of waking, since its alarm stood still too."""
        self.world.clock.advance(timedelta(seconds=seconds))
        self.world.clock.advance(timedelta(seconds=LOOK_SECONDS))
        self.awake_seconds += LOOK_SECONDS
        gap = self.watch.look()
        assert gap is not None
        assert "slept" in gap.text
        await cron.wake(gap)


@pytest.mark.parametrize("seed", range(SUSPENDS))
def test_what_is_due_at_waking_runs_once_within_a_minute_and_the_rest_is_told(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    day = chance.choice(DAYS)
    world = World(tmp_path, at(day, 8, 50))
    cron, machine = world.process(), Machine(world)
    slept_seconds = chance.choice([chance.uniform(60, 3_600), chance.uniform(3_600, 70 * 3_600)])
    falls_asleep = world.clock.now() + timedelta(minutes=chance.uniform(20, 400))

    async def live() -> tuple[datetime, int]:
        await cron.open()
        await machine.awake(cron, falls_asleep)
        before = len(world.ran)
        await machine.sleep(cron, slept_seconds)
        woke = world.clock.now() - timedelta(seconds=LOOK_SECONDS)
        at_waking = len(world.ran)
        await machine.awake(cron, world.clock.now() + timedelta(minutes=40))
        return woke, at_waking - before

    woke, ran_at_waking = asyncio.run(live())
    looked = woke + timedelta(seconds=LOOK_SECONDS)
    wanted = []
    for spec in JOBS:
        grace = timedelta(seconds=SETTINGS.of(spec.name).grace_seconds)
        due = cron.alarms.last_due(spec.name, looked, grace)
        if due is not None and due > falls_asleep and not admit(spec, due, looked, CALENDAR).skipped_reason:
            wanted.append(spec.name)
    soon = [name for name, moment, _ in world.ran if woke <= moment <= woke + MINUTE]
    assert ran_at_waking == len(wanted)
    assert all(name in soon for name in wanted)
    assert max(Counter((name, moment) for name, moment, _ in world.ran).values(), default=1) == 1
    (told,) = [event.data["message"] for event in world.events("risk.alert")]
    assert "slept" in told
    assert f"{woke + timedelta(seconds=LOOK_SECONDS):%H:%M:%S}Z" in told
    assert cron.overdue() == []
    for spec in JOBS:
        next_run_at = job(cron, spec.name).next_run_at
        assert next_run_at is not None
        assert next_run_at >= world.clock.now()


def test_the_seeds_meet_every_kind_of_waking() -> None:
    """The hundred cases above wake in sessions and out of them, over weekends and changes of the clocks."""
    kinds = Counter[bool]()
    for seed in range(100):
        chance = random.Random(seed)
        day = chance.choice(DAYS)
        seconds = chance.choice([chance.uniform(60, 3_600), chance.uniform(3_600, 70 * 3_600)])
        woke = at(day, 8, 50) + timedelta(minutes=chance.uniform(20, 400), seconds=seconds)
        kinds[CALENDAR.is_open(woke)] += 1
    assert min(kinds[True], kinds[False]) >= 20


def test_a_job_that_should_have_begun_and_has_not_is_degraded(tmp_path: Path) -> None:
    world = World(tmp_path, at(date(2025, 11, 26), 9, 31))
    cron = world.process()
    asyncio.run(cron.open())
    assert cron.overdue() == []
    world.clock.advance(timedelta(minutes=30))  # no alarm rang
    late = cron.overdue()
    assert [text.split()[1] for text in late] == ["cron_risk_check", "cron_decide"]
    assert "09:35" in late[0]


def test_a_clock_that_is_set_back_and_a_process_that_is_held_up_are_told_apart() -> None:
    clock, awake = ManualClock(at(date(2025, 11, 26), 9, 31)), [0.0]
    watch = ClockWatch(clock, lambda: awake[0])
    clock.advance(timedelta(seconds=31))
    awake[0] += 31
    assert watch.look() is None
    clock.advance(timedelta(minutes=10))
    awake[0] += 600
    held = watch.look()
    assert held is not None
    assert "held up" in held.text
    awake[0] += 30  # the wall clock stood: set back by half a minute
    back = watch.look()
    assert back is not None
    assert "set back by 30 s" in back.text


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")
def test_a_real_process_that_is_stopped_while_the_wall_clock_goes_on_runs_what_is_due_once(
    tmp_path: Path,
) -> None:
    """SIGSTOP for a moment stands for the sleep; the hours it would have lasted are added to the wall clock."""
    now, begins, wakes = datetime.now(UTC), at(date(2025, 11, 26), 10, 2), at(date(2025, 11, 26), 14, 31)
    offset = tmp_path / "offset"
    offset.write_text(str((begins - now).total_seconds()))
    command = [sys.executable, "-m", "tests.servers.jobs_process", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            said = map(json.loads, child.stdout)
            assert next(line for line in said if "begun" in line)
            child.send_signal(signal.SIGSTOP)
            draft = tmp_path / "offset.new"
            draft.write_text(str((wakes - datetime.now(UTC)).total_seconds()))
            draft.replace(offset)
            child.send_signal(signal.SIGCONT)
            alert, *runs = [next(said) for _ in range(3)]
            time.sleep(2.0)  # the watch looks four times more
        finally:
            child.kill()
        assert list(said) == []
    assert "slept" in alert["alert"]
    assert sorted(line["ran"] for line in runs) == ["cron_decide", "cron_risk_check"]
    for line in runs:
        assert wakes <= datetime.fromisoformat(line["at"]) <= wakes + MINUTE
