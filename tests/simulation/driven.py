"""The whole daemon with ENABLE_CRON=true on a clock that is moved from due moment to due moment; nobody sleeps.

`python -m tests.simulation.driven 2025-11-28` prints the event log of that day (New York's time), on the
simulated market and the built-in paper broker.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from adapters.clock import ManualClock
from config.environment import read_environment
from core.events import Event
from core.times import NEW_YORK
from daemon.engine_service import EngineService
from daemon.logs import configure_logging
from daemon.wiring import Daemon, build_daemon
from scheduler.cron import Cron
from tests.servers.daemon import own_settings

POLL_SECONDS = 0.005
Hear = Callable[[Event], None]


def in_new_york(day: date, hour: int, minute: int = 0) -> datetime:
    """Give a moment of New York's day, UTC."""
    return datetime.combine(day, time(hour, minute), NEW_YORK).astimezone(UTC)


@dataclass(frozen=True, kw_only=True)
class Driven:
    """A daemon that is ready, with its jobs and the clock that moves them.

    Attributes
    ----------
    fired : list of (datetime, str)
        Every due moment so far and the job that was fired at it, run or skipped.
    """

    daemon: Daemon
    clock: ManualClock
    cron: Cron
    fired: list[tuple[datetime, str]]

    async def next_due(self) -> datetime:
        """Move on to the next moment at which any job is due, and fire what is due, in order."""
        at, names = self.cron.alarms.soonest(self.clock.now())
        self.clock.set(at)
        for name in names:
            self.fired.append((at, name))
            await self.cron.fire(name)
        return at

    async def run_until(self, until: datetime) -> None:
        """Live through all that is due up to a moment, and stand there."""
        while self.cron.alarms.soonest(self.clock.now())[0] <= until:
            await self.next_due()
        self.clock.set(until)

    def status(self) -> Any:
        """Give the status as it is now."""
        self.daemon.service._status_cache = (-1.0, b"")
        return json.loads(self.daemon.service.status())


@asynccontextmanager
async def driven(
    state: Path, at: datetime, *, settings: Path, hear: Hear | None = None, **variables: str
) -> AsyncIterator[Driven]:
    """Start a daemon at a moment and wait until it is ready, its first ranker trained and its jobs caught up.

    Parameters
    ----------
    settings : Path
        The configuration folder (`tests.servers.daemon.own_settings`).
    hear : callable or None
        Told every event, in order, on the event loop.
    variables : str
        Of the environment; the simulated market and the built-in broker unless they say otherwise.
    """
    clock = ManualClock(at)
    ours = {"STATE_DIR": str(state), "DATA_PROVIDER": "simulated", "ENABLE_CRON": "true"}
    daemon = build_daemon(read_environment({**ours, **variables}), settings, clock)
    listening = asyncio.create_task(_listen(daemon, hear)) if hear else None
    await asyncio.sleep(0)
    daemon.service.start()
    try:
        await wait_ready(daemon.service)
        cron = daemon.scheduler.cron
        assert cron is not None, "ENABLE_CRON must be true"
        await cron.open()
        await cron.catch_up()
        yield Driven(daemon=daemon, clock=clock, cron=cron, fired=[])
    finally:
        await daemon.service.stop()
        await asyncio.sleep(POLL_SECONDS)
        if listening:
            listening.cancel()


async def wait_ready(service: EngineService) -> None:
    """Wait for the recovery and the first training."""
    while reason := service.not_ready_reason():
        assert "failed" not in reason, reason
        await asyncio.sleep(POLL_SECONDS)
    await asyncio.wrap_future(service._thread.submit(lambda: None))  # the first training is begun right after
    for job in service.jobs():
        assert (await service.finished(job.job_id)).error == ""


async def _listen(daemon: Daemon, hear: Hear) -> None:
    async for event in daemon.hub.subscribe():
        hear(event)


def line(event: Event) -> str:
    """Give an event as a line of the log."""
    data = {name: value for name, value in event.data.items() if name not in ("decision_id", "source")}
    return f"{event.at.astimezone(NEW_YORK):%a %Y-%m-%d %H:%M:%S}  {event.topic:<16} {json.dumps(data)}"


async def show(day: date) -> None:
    """Print a day's events, and the timetable after it; the daemon's own log goes to stderr."""
    configure_logging()
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "config"
        settings.mkdir()
        own_settings(settings)
        begins = in_new_york(day, 0)
        async with driven(Path(folder) / "state", begins, settings=settings, hear=lambda e: print(line(e))) as it:
            await it.run_until(begins + timedelta(days=1))
            await asyncio.sleep(POLL_SECONDS)
            print(json.dumps(it.status()["scheduler"], indent=2))


if __name__ == "__main__":
    asyncio.run(show(date.fromisoformat(sys.argv[1])))
