"""A whole daemon behind its own server in this process, on a clock that is moved by hand.

What its pages show does not depend on today's date: the exchange is open when the clock says so.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Collection, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

import server
from adapters.clock import ManualClock
from config.environment import read_environment
from daemon.wiring import Daemon, build_daemon

SECONDS_MAX, PAUSE_SECONDS, SILENT = 600.0, 0.02, 50


@dataclass(frozen=True)
class Driven:
    """A daemon that answers on a port, its clock, and the event loop that it lives on."""

    daemon: Daemon
    clock: ManualClock
    loop: asyncio.AbstractEventLoop
    port: int

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Wait for something done on its event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(SECONDS_MAX)

    def fire(self, at: datetime, *jobs: str) -> None:
        """Move the clock and fire jobs, as the alarm does."""
        self.clock.set(at)
        cron = self.daemon.scheduler.cron
        assert cron is not None, "the jobs are on"
        for job in jobs:
            self.run(cron.fire(job))

    def fire_due(self, until: datetime, *jobs: str) -> None:
        """Fire each of these jobs at every moment that it comes due until then, in their order."""
        while due := self._due(until, jobs):
            self.fire(*min(due))

    def _due(self, until: datetime, jobs: Collection[str]) -> list[tuple[datetime, str]]:
        lines = self.daemon.scheduler.timetable().jobs
        found = [(line.next_run_at, line.name) for line in lines if line.name in jobs and line.next_run_at]
        return [(at, name) for at, name in found if at <= until]

    def wait_idle(self) -> None:
        """Wait until it is ready and the first training of a fresh start is over."""
        service, limit = self.daemon.service, time.monotonic() + SECONDS_MAX
        while service.not_ready_reason() or any(job.status == "running" for job in service.jobs()):
            assert "failed" not in service.not_ready_reason(), service.not_ready_reason()
            assert time.monotonic() < limit, "it is not ready"
            time.sleep(PAUSE_SECONDS)


@contextmanager
def driven(state: Path, at: datetime, settings: Path, **variables: str) -> Iterator[Driven]:
    """Serve a daemon at a moment, its jobs taken up; it is stopped in the end."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(SILENT))
    given = {"STATE_DIR": str(state), "DATA_PROVIDER": "simulated", "ENABLE_CRON": "true", **variables}
    environment, clock = read_environment(given, settings), ManualClock(at)
    daemon = build_daemon(environment, settings, clock)
    web, loop = server.web_server(environment, daemon, clock.now), asyncio.new_event_loop()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=loop.run_until_complete, args=(web.serve([listening]),))
        thread.start()
        try:
            while not web.started:
                assert thread.is_alive(), "the server did not start"
                time.sleep(PAUSE_SECONDS)
            found = Driven(daemon, clock, loop, int(listening.getsockname()[1]))
            found.wait_idle()
            if daemon.scheduler.cron is not None:
                found.run(daemon.scheduler.cron.open())
            yield found
        finally:
            web.should_exit = True
            thread.join(SECONDS_MAX)
            loop.close()
