"""The daemon's service in this process, on a clock that is moved by hand and the simulated market."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import structlog

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from config.environment import read_environment
from config.loader import FOLDER
from core.service import Service
from daemon.wiring import Daemon, build_daemon

POLL_SECONDS, SILENT = 0.02, 50
Session = tuple[datetime, datetime]
"""When it opens and closes."""


def settings_folder(folder: Path, trading: Mapping[str, Any]) -> Path:
    """Copy the committed settings and put `trading` over them, whatever the user's own files say."""
    folder.mkdir(parents=True)
    for file in FOLDER.glob("*.default.json"):
        shutil.copy(file, folder)
    shutil.copytree(FOLDER / "profiles", folder / "profiles")
    (folder / "trading.json").write_text(json.dumps(trading))
    return folder


def sessions_between(first: date, last: date) -> list[Session]:
    """List the opening and the close of each session."""
    return [(opens_at, closes_at) for _, opens_at, closes_at in NyseCalendar().sessions(first, last)]


@asynccontextmanager
async def ready_service(
    state: Path, at: datetime, settings: Path = FOLDER, **variables: str
) -> AsyncIterator[tuple[Service, ManualClock]]:
    """Start the service at a moment; give it and its clock once it is recovered and its ranker trained."""
    async with ready_daemon(state, at, settings, **variables) as (daemon, clock):
        yield daemon.service, clock


@asynccontextmanager
async def ready_daemon(
    state: Path, at: datetime, settings: Path = FOLDER, **variables: str
) -> AsyncIterator[tuple[Daemon, ManualClock]]:
    """Start all of the daemon but its server; give it and its clock as `ready_service` does."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(SILENT))
    clock = ManualClock(at)
    environment = read_environment({"STATE_DIR": str(state), "DATA_PROVIDER": "simulated", **variables})
    daemon = build_daemon(environment, settings, clock)
    service = daemon.service
    service.start()
    try:
        while reason := service.not_ready_reason():
            assert "failed" not in reason, reason
            await asyncio.sleep(POLL_SECONDS)
        while not service.jobs() and not service.health()["models_loaded"]:  # the first training begins after it
            await asyncio.sleep(POLL_SECONDS)
        for job in service.jobs():
            ended = await service.finished(job.job_id)
            assert not ended.error, ended.error
        yield daemon, clock
    finally:
        await service.stop()
