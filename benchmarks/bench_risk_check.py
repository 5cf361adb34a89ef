"""A risk check through the daemon's own service, every 5 minutes of 8 simulated sessions, the portfolio full.

The feed is the daemon's (79 quotes a look) and the ledger lies on the disk. Each session begins with a decision
that is sent, so that what a check sells is bought again, and the day's prices are made beforehand. The time is
from call to report, the engine thread's queue included. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np

from benchmarks.service import ready_service, sessions_between, settings_folder
from core.cycles import DECIDE_AND_SEND, RISK_CHECK

FIRST, WARM, LAST = date(2025, 2, 18), date(2025, 3, 3), date(2025, 3, 12)
EVERY = timedelta(minutes=5)
EAGER = {"synthesizer": {"buy_score_min": 0.0}}
POSITIONS_MIN, SOLD_MIN, P99_MS_MAX = 8, 5, 20.0


async def measure(folder: Path) -> dict[str, object]:
    settings = settings_folder(folder / "config", EAGER)
    took_ms: list[float] = []
    held: list[int] = []
    sold = 0
    listed = sessions_between(FIRST, LAST)
    async with ready_service(folder / "state", listed[0][0], settings) as (service, clock):
        for opens_at, closes_at in listed:
            clock.set(opens_at + EVERY)
            await service.step(DECIDE_AND_SEND)
            at = opens_at + 2 * EVERY
            while at < closes_at and opens_at.date() >= WARM:
                clock.set(at)
                began = time.perf_counter()
                report = await service.step(RISK_CHECK)
                took_ms.append((time.perf_counter() - began) * 1000)
                held.append(len(report.plan.portfolio.positions))
                sold += len(report.plan.approved)
                at += EVERY
    positions = float(np.median(held))
    assert positions >= POSITIONS_MIN, positions
    assert sold >= SOLD_MIN, sold
    p50, p99, worst = np.percentile(took_ms, [50, 99, 100])
    return {
        "bench": "risk_check",
        "positions": positions,
        "checks": len(took_ms),
        "sold": sold,
        "p50_ms": round(float(p50), 2),
        "p99_ms": round(float(p99), 2),
        "max_ms": round(float(worst), 2),
        "p99_ms_max": P99_MS_MAX,
        "load": round(os.getloadavg()[0], 2),
        "reached": bool(p99 <= P99_MS_MAX),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measure(Path(folder)))))


if __name__ == "__main__":
    main()
