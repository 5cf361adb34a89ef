"""The real jobs on a real event loop in a process of their own, whose wall clock another process may set.

`python -m tests.servers.jobs_process STATE`: `STATE/offset` holds how many seconds its clock is ahead of the
machine's. It prints one JSON line for each run and each alert. The watch looks twice a second instead of each
half minute, so that a test need not wait.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from adapters.calendar import NyseCalendar
from adapters.clock import SystemClock
from adapters.events.hub import EventHub
from adapters.run_store import FileRunStore
from config.jobs import SchedulerSettings
from core.service import Service
from daemon.logs import configure_logging
from scheduler.cron import Cron
from scheduler.jobs import Work
from scheduler.timetable import JOBS, Admission

LOOK_SECONDS = 0.5


class SetClock:
    """The machine's clock and an offset that somebody else writes."""

    is_real_time = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        return SystemClock().now() + timedelta(seconds=float(self._path.read_text()))


class Ready:
    """A service that is ready; the jobs' own work is to be told of."""

    def not_ready_reason(self) -> str:
        return ""


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)


async def main(state: Path) -> None:
    clock = SetClock(state / "offset")
    hub = EventHub()

    def work(name: str) -> Work:
        async def run(_: Service, admission: Admission) -> str:
            say(ran=name, at=clock.now().isoformat())
            return "done"

        return run

    def heard(topic: str, _: datetime, data: Mapping[str, Any]) -> None:
        if topic == "risk.alert":
            say(alert=data["message"])

    hub.add_listener(heard)
    cron = Cron(
        cast(Service, Ready()),
        clock=clock,
        calendar=NyseCalendar(),
        events=hub,
        store=FileRunStore(state / "jobs.json"),
        settings=SchedulerSettings(),
        work={spec.name: work(spec.name) for spec in JOBS},
        look_seconds=LOOK_SECONDS,
    )
    cron.start()
    while cron.timetable().jobs[0].next_run_at is None:
        await asyncio.sleep(0.01)
    say(begun=clock.now().isoformat())
    await asyncio.Event().wait()


if __name__ == "__main__":
    configure_logging()
    asyncio.run(main(Path(sys.argv[1])))
