"""The engine as a process of its own: the daemon's service, its jobs and the broker's stream, until SIGKILL."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any, cast

from adapters.clock import ManualClock
from adapters.events.hub import EventHub
from config.jobs import SchedulerSettings
from core.errors import Recoverable
from core.service import Service
from daemon.engine_service import EngineService
from pipeline.engine import Engine
from scheduler.cron import Cron
from tests.chaos.hosts import BOTH, AccountSnapshot, slept
from tests.chaos.kills import Killed, NotStarted
from tests.chaos.market import CALENDAR, Market
from tests.chaos.room import Room, furnish
from tests.simulation.desk import dependencies

POLL_SECONDS = 0.002
START_SECONDS_MAX, ANSWER_SECONDS_MAX = 5.0, 60.0
KILL_WITHIN_SECONDS = {"live": 0.05, "flatten": 0.05, "begin": 0.3}
Asked = tuple[Any, ...]


class ChildHost:
    """Forks the engine's process and kills it within a drawn time after it was asked something.

    A fork, because a fresh interpreter imports for a second; the child shares nothing with its predecessor
    but the state directory.
    """

    def __init__(self, home: Path, url: str, seed: int, market: Market) -> None:
        self._target = (home, url, seed, market)
        self._dice = Random(f"kills {seed}")
        self._armed = False
        self._child: BaseProcess | None = None
        self._line: Connection | None = None

    def arm(self) -> None:
        self._armed = True

    def begin(self, at: datetime) -> AccountSnapshot:
        if self._child is None:
            context = get_context("fork")
            self._line, theirs = context.Pipe()
            self._child = context.Process(target=_engine, args=(theirs, self._line, at, *self._target))
            self._child.start()
            theirs.close()
        return self._asked("begin", at, seconds_max=START_SECONDS_MAX)

    def live(self, at: datetime, names: Sequence[str]) -> AccountSnapshot:
        return self._asked("live", at, tuple(names))

    def wake(self, since: datetime, at: datetime) -> AccountSnapshot:
        return self._asked("wake", since, at)

    def resume(self) -> AccountSnapshot:
        return self._asked("resume")

    def flatten(self) -> AccountSnapshot:
        return self._asked("flatten")

    def drop(self) -> None:
        """Send SIGKILL and wait until the process is gone."""
        child, self._child = self._child, None
        if child is None or self._line is None:
            return
        child.kill()
        child.join()
        code = child.exitcode
        child.close()
        self._line.close()
        assert code == -signal.SIGKILL, f"the engine's process had ended by itself: {code}"

    def end(self) -> None:
        assert self._child is not None
        assert self._line is not None
        self._line.send(("end",))
        self._child.join(ANSWER_SECONDS_MAX)
        assert self._child.exitcode == 0, f"it did not stop in order: {self._child.exitcode}"
        self._child = None
        self._line.close()

    def _asked(self, what: str, *more: Any, seconds_max: float = ANSWER_SECONDS_MAX) -> AccountSnapshot:
        assert self._line is not None
        self._line.send((what, *more))
        if self._armed and what in KILL_WITHIN_SECONDS:
            self._armed = False
            time.sleep(self._dice.uniform(0, KILL_WITHIN_SECONDS[what]))
            self.drop()
            raise Killed(f"SIGKILL in {what}")
        if not self._line.poll(seconds_max):
            assert what == "begin", f"the engine's process did not answer {what} in {seconds_max} s"
            self.drop()
            raise NotStarted
        try:
            answer: AccountSnapshot = self._line.recv()
        except EOFError as error:
            self.drop()
            raise AssertionError(f"the engine's process ended by itself in {what}") from error
        return answer


def _engine(line: Connection, other: Connection, at: datetime, *target: Any) -> None:
    """Be the engine's process."""
    other.close()
    asyncio.run(_serve(line, at, *target))


async def _serve(line: Connection, at: datetime, home: Path, url: str, seed: int, market: Market) -> None:
    clock = ManualClock(at)
    rooms: list[Room] = []
    hub = EventHub(log_events_max=100)
    service = _service(
        clock, hub, rooms, lambda settle: furnish(home, url, seed, market, clock, hub=hub, wake=settle)
    )
    cron: Cron | None = None
    while True:
        asked = await asyncio.to_thread(line.recv)
        if asked[0] == "end":
            break
        if asked[0] == "begin":
            cron = await _begin(service, clock, rooms)
        elif asked[0] == "live":
            assert cron is not None
            clock.set(asked[1])
            for name in asked[2]:
                await cron.fire(name)
        elif asked[0] == "wake":
            assert cron is not None
            clock.set(asked[2])
            await cron.wake(slept(asked[1], asked[2]))
        elif asked[0] == "resume":
            await service.resume()
        elif asked[0] == "flatten":
            with suppress(Recoverable):  # it is written down, and goes on with the next step
                await service.flatten()
        assert service.engine is not None
        line.send(
            AccountSnapshot(
                state=service.engine.state.value,
                reason=service.state_reason(),
                flattening=service.flatten_progress().since is not None,
            )
        )
    await service.stop()
    os._exit(0)


def _service(
    clock: ManualClock, hub: EventHub, rooms: list[Room], make: Callable[[Callable[[], None]], Room]
) -> EngineService:
    def build(settle_soon: Callable[[], None]) -> Engine:
        rooms[:] = [make(settle_soon)]
        return rooms[0].engine

    def close() -> None:
        rooms[0].engine.parts.broker.close()  # type: ignore[attr-defined]  # Alpaca's, which has a stream
        rooms[0].ledger.close()

    return EngineService(dependencies(clock, hub, build, lambda: rooms[0].ledger, close))


async def _begin(service: EngineService, clock: ManualClock, rooms: list[Room]) -> Cron:
    service.start()
    while service.not_ready_reason():
        assert "The start failed" not in service.not_ready_reason(), service.not_ready_reason()
        await asyncio.sleep(POLL_SECONDS)
    cron = Cron(
        cast(Service, service), clock=clock, calendar=CALENDAR, events=rooms[0].hub, store=rooms[0].runs,
        settings=SchedulerSettings(), specs=BOTH,
    )  # fmt: skip
    await cron.open()
    await cron.catch_up()
    return cron
