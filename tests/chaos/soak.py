"""`python -m tests.chaos.soak`: the whole daemon, all four jobs, a month in one process; it must not grow.

The clock is driven, the jobs are the scheduler's own, the broker is Alpaca's stand-in in another process, and the
retrain trains a small ranker and a small ensemble each Sunday. The last line tells what was used after which day.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import structlog

from core.events import Event
from tests.simulation.alpaca_days import Days, days_from, eager_settings
from tests.simulation.driven import in_new_york

FIRST = date(2021, 11, 1)
DAYS = 30
WARM_DAY, ALL_JOBS_DAY = 3, 7
"""Memory is held against the third day's; threads, handles and tasks against the first by which all jobs ran."""
GROWTH_MAX = 1.10
POOL_THREADS_MAX = min(32, (os.cpu_count() or 1) + 4)  # Python's own bound of the loop's pool
RL = {"timesteps": 1000, "seeds": 1, "tickers_max": 2, "validation_sessions": 42, "episode_sessions": 21}
KIB_A_MIB = 1024


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What the process holds at the end of a day.

    Attributes
    ----------
    threads : int
        Without those of the event loop's pool.
    pool_threads : int
        Of that pool: it has one more whenever all its others are at work, up to a fixed number, and keeps them.
    tasks : int
        Of the event loop, unfinished.
    """

    day: int
    resident_mib: float
    threads: int
    pool_threads: int
    handles: int
    tasks: int


@dataclass(frozen=True, kw_only=True)
class Soak:
    """What a soak saw: a footprint a day, and how often each job ended how."""

    footprints: Sequence[Footprint]
    runs: Counter[str]
    fills: int
    state: str


async def soak(folder: Path, days: int, *, first: date = FIRST) -> Soak:
    """Live through calendar days in one process."""
    settings = eager_settings(folder / "config", rl=RL, ensemble={"models": ["a2c"]})
    runs: Counter[str] = Counter()

    def hear(event: Event) -> None:
        if event.topic == "job.progress" and event.data["status"] in ("done", "failed"):
            runs[f"{event.data['kind']} {event.data['status']}"] += 1

    async with days_from(folder / "state", in_new_york(first, 0), settings=settings, days=days, hear=hear) as it:
        footprints = [await _day(it, first, number) for number in range(1, days + 1)]
        await asyncio.sleep(0.05)
        status = it.driven.status()
        fills = len(it.driven.daemon.service.ledger.fills(100_000))
        return Soak(footprints=footprints, runs=runs, fills=fills, state=status["trading_state"])


async def _day(it: Days, first: date, number: int) -> Footprint:
    await it.run_until(in_new_york(first + timedelta(days=number), 0))
    it.driven.status()
    gc.collect()
    print(json.dumps(asdict(footprint := _footprint(number))), file=sys.stderr)
    return footprint


def _footprint(day: int) -> Footprint:
    lines = Path("/proc/self/status").read_text().splitlines()
    pool = sum(thread.name.startswith("asyncio_") for thread in threading.enumerate())
    resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
    return Footprint(
        day=day,
        resident_mib=round(resident / KIB_A_MIB, 1),
        threads=threading.active_count() - pool,
        pool_threads=pool,
        handles=len(list(Path("/proc/self/fd").iterdir())) - 1,  # less the one that lists them
        tasks=len(asyncio.all_tasks()),
    )


def growth(seen: Soak, *, warm_day: int = WARM_DAY, all_jobs_day: int = ALL_JOBS_DAY) -> list[str]:
    """Name what grew until the last day."""
    warm, settled, last = (seen.footprints[day - 1] for day in (warm_day, all_jobs_day, 0))
    grown = [
        f"{name}: {getattr(settled, name)} after day {settled.day}, {getattr(last, name)} after day {last.day}"
        for name in ("threads", "handles", "tasks")
        if getattr(last, name) > getattr(settled, name)
    ]
    if last.pool_threads > POOL_THREADS_MAX:
        grown.append(f"threads of the loop's pool: {last.pool_threads}, more than {POOL_THREADS_MAX}")
    if last.resident_mib > GROWTH_MAX * warm.resident_mib:
        grown.append(f"resident memory: {warm.resident_mib} MiB, then {last.resident_mib} MiB")
    return grown


def closing(seen: Soak, seconds: float) -> dict[str, Any]:
    """Sum up in one line."""
    warm, settled, last = (seen.footprints[day - 1] for day in (WARM_DAY, ALL_JOBS_DAY, 0))
    return {
        "claim": "soak",
        "days": last.day,
        "grown": growth(seen),
        f"after_day_{warm.day}": asdict(warm),
        f"after_day_{settled.day}": asdict(settled),
        "after_last_day": asdict(last),
        "resident_ratio": round(last.resident_mib / warm.resident_mib, 4),
        "runs": dict(sorted(seen.runs.items())),
        "fills": seen.fills,
        "state": seen.state,
        "seconds": round(seconds, 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        seen = asyncio.run(soak(Path(folder), asked.days))
    print(json.dumps(closing(seen, time.perf_counter() - began)))
    return int(bool(growth(seen)))


if __name__ == "__main__":
    sys.exit(main())
