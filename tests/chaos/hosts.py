"""What runs the engine through a week: this process with simulated kills, or a process that is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, Protocol, cast

from adapters.clock import ManualClock
from config.jobs import SchedulerSettings
from core.cycles import FLATTEN
from core.errors import Recoverable
from core.service import Service
from core.types import Cycle, StepReport
from pipeline.fault_policy import step_under_policy
from pipeline.flattening import Flattening
from pipeline.reconciliation import Recovery, accept, recover
from scheduler.clock_watch import LOOK_SECONDS, ClockGap
from scheduler.cron import Cron
from scheduler.timetable import JOBS
from tests.chaos.kills import POINTS, Executioner, NotStarted
from tests.chaos.market import CALENDAR, Market
from tests.chaos.pump import Pump
from tests.chaos.room import Room, furnish

BOTH = tuple(spec for spec in JOBS if spec.name in ("cron_risk_check", "cron_decide"))
STARTS_MAX = 5


@dataclass(frozen=True, kw_only=True)
class AccountSnapshot:
    """How the engine stands after what it was asked: its trading state and the reason of it; the flatten."""

    state: str
    reason: str
    flattening: bool


def slept(since: datetime, until: datetime) -> ClockGap:
    """Give what the watch over the clocks finds after a sleep."""
    return ClockGap(since=since, until=until, awake_seconds=LOOK_SECONDS)


class Host(Protocol):
    """Keeps one engine alive; a call raises `Killed` when the engine's process ended in it.

    `begin` raises `NotStarted` while the broker cannot be asked.
    """

    def arm(self) -> None:
        """Let the process end soon, at a point the seed draws."""
        ...

    def begin(self, at: datetime) -> AccountSnapshot:
        """Start from the state directory, recover, and catch up on what is due."""
        ...

    def live(self, at: datetime, names: Sequence[str]) -> AccountSnapshot:
        """Run the jobs that are due at a moment."""
        ...

    def wake(self, since: datetime, at: datetime) -> AccountSnapshot:
        """Go on after a sleep of the machine, in which nothing of the process ran."""
        ...

    def resume(self) -> AccountSnapshot:
        """Resume as a person would."""
        ...

    def flatten(self) -> AccountSnapshot:
        """Flatten as a person would."""
        ...

    def drop(self) -> None:
        """End the process now, wherever it stands."""
        ...

    def end(self) -> None:
        """Stop in order."""
        ...


class HereHost:
    """The engine in this process; it ends by an exception at an armed point, and its objects are dropped.

    The points are drawn so that the rare ones, such as those around a POST, are met as often as the others.
    """

    def __init__(self, home: Path, pump: Pump, seed: int, market: Market) -> None:
        self._make: Callable[[ManualClock, Executioner], Room] = lambda clock, ends: furnish(
            home, pump.url, seed, market, clock, executioner=ends, pump=pump
        )
        self._dice = Random(f"kills {seed}")
        self._executioner = Executioner()
        self._room: Room | None = None
        self._recovery: Recovery | None = None
        self._cron: Cron | None = None
        self._service: _Direct | None = None
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # of the dead: nobody asks what they raised

    def arm(self) -> None:
        if self._executioner.dead:
            self._executioner = Executioner()
        where = self._dice.choice(("", *POINTS))
        self._executioner.arm(where, self._dice.randint(1, 2 if where else 20))

    def begin(self, at: datetime) -> AccountSnapshot:
        if self._executioner.dead:
            self._executioner = Executioner()
        room = self._room = self._started(at)
        self._service = _Direct(room)
        self._cron = Cron(
            cast(Service, self._service),
            clock=room.clock,
            calendar=CALENDAR,
            events=room.hub,
            store=room.runs,
            settings=SchedulerSettings(),
            specs=BOTH,
        )
        self._do(self._cron.open())
        self._do(self._cron.catch_up())
        return self._standing()

    def live(self, at: datetime, names: Sequence[str]) -> AccountSnapshot:
        assert self._room is not None
        assert self._cron is not None
        self._room.clock.set(at)
        for name in names:
            self._do(self._cron.fire(name))
        return self._standing()

    def wake(self, since: datetime, at: datetime) -> AccountSnapshot:
        assert self._room is not None
        assert self._cron is not None
        self._room.clock.set(at)
        self._do(self._cron.wake(slept(since, at)))
        return self._standing()

    def resume(self) -> AccountSnapshot:
        assert self._room is not None
        engine = self._room.engine
        try:
            self._recovery = accept(engine, self._recovery)
        except Recoverable:
            return self._standing()
        engine.sending.open(engine.sending.halt_requests)
        engine.resume("resumed by a person")
        return self._standing()

    def flatten(self) -> AccountSnapshot:
        assert self._service is not None
        with suppress(Recoverable):  # it is written down, and goes on with the next step
            self._do(self._service.flatten())
        return self._standing()

    def drop(self) -> None:
        self._executioner.dead = "dropped"

    def end(self) -> None:
        if self._room is not None:
            self._room.ledger.close()
        self._loop.close()

    def _started(self, at: datetime) -> Room:
        room: Room | None = None
        for _ in range(STARTS_MAX):
            try:
                room = room or self._make(ManualClock(at), self._executioner)
                self._recovery = recover(room.engine)
            except Recoverable:
                continue
            return room
        raise NotStarted

    def _do(self, work: Any) -> None:
        self._loop.run_until_complete(work)

    def _standing(self) -> AccountSnapshot:
        assert self._room is not None
        return AccountSnapshot(
            state=self._room.engine.state.value,
            reason=self._room.ledger.state_reason(),
            flattening=self._room.ledger.flattening_since() is not None,
        )


class _Direct:
    """What the jobs ask of the service, done at once."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._flattening = Flattening()

    async def step(self, cycle: Cycle) -> StepReport:
        engine, flattening = self._room.engine, self._flattening
        report = step_under_policy(engine, flattening.cycle_of(engine, cycle))
        return flattening.go_on(engine, cycle, report)

    async def flatten(self) -> StepReport:
        self._flattening.begin(self._room.engine)
        return await self.step(FLATTEN)
