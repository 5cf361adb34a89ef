"""A demonstration: the whole daemon on the simulated market, its jobs driven on a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.clock import ManualClock
from config.environment import read_environment
from config.loader import FOLDER
from core.events import Event
from core.times import NEW_YORK
from daemon.wiring.wiring import Daemon, build_daemon

POLL_SECONDS = 0.02
LEFT_OUT = "cron_weekly_retrain"  # minutes of training would hold the days up
SETTINGS = {"synthesizer": {"buy_score_min": 0.05}, "quant": {"n_estimators": 60, "calibration_folds": 2}}
"""So that something is bought soon: these are no settings to trade with."""


def build_demo(folder: Path, port: int, now: datetime) -> tuple[Daemon, ManualClock]:
    """Wire a daemon that touches nothing outside a folder of its own: no keys, no settings, no vendor.

    Parameters
    ----------
    now : datetime
        The demonstration begins at the morning of this day in New York.
    """
    settings = folder / "config"
    shutil.copytree(FOLDER / "profiles", settings / "profiles")
    for file in FOLDER.glob("*.default.json"):
        shutil.copy(file, settings)
    (settings / "trading.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    environment = read_environment(
        {
            "STATE_DIR": str(folder / "state"), "DATA_PROVIDER": "simulated", "ENABLE_CRON": "true",
            "TRADING_PORT": str(port),
        }
    )  # fmt: skip
    local = now.astimezone(NEW_YORK)
    clock = ManualClock(local.replace(hour=8, minute=30, second=0, microsecond=0).astimezone(UTC))
    return build_daemon(environment, settings, clock), clock


async def live_days(
    daemon: Daemon, clock: ManualClock, days: int, day_seconds_min: float
) -> AsyncIterator[datetime]:
    """Fire what is due, moment by moment; yield the end of each calendar day.

    Parameters
    ----------
    day_seconds_min : float
        A day takes at least so long, so that it can be watched.
    """
    while daemon.service.not_ready_reason():
        await asyncio.sleep(POLL_SECONDS)
    cron = daemon.scheduler.cron
    assert cron is not None  # noqa: S101  # ENABLE_CRON is ours
    await cron.open()
    for _ in range(days):
        began, midnight = time.monotonic(), _next_midnight(clock.now())
        while True:
            at, names = cron.alarms.soonest(clock.now())
            if at >= midnight:
                break
            clock.set(at)
            for name in names:
                if name != LEFT_OUT:
                    await cron.fire(name)
        clock.set(midnight)
        yield midnight - timedelta(seconds=1)
        await asyncio.sleep(max(0.0, day_seconds_min - (time.monotonic() - began)))


async def listen(daemon: Daemon, hear: Callable[[Event], None]) -> None:
    """Give every event of a daemon to a listener, until cancelled."""
    async for event in daemon.hub.subscribe():
        hear(event)


def _next_midnight(at: datetime) -> datetime:
    tomorrow = at.astimezone(NEW_YORK).date() + timedelta(days=1)
    return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=NEW_YORK).astimezone(UTC)
