"""What shadow books add to a step: the daemon's own service with none, with five, and with each agent's too.

Every 15 minutes of a week of simulated sessions it decides and sends, and checks in between. Processor time from
call to report, so it holds the books' steps and the closing of each session; the same week each, in turns. Prints
one JSON line: mean milliseconds of a step and its ratio to one without, the median of the rounds, and how large
the week's ledgers are.

    python benchmarks/bench_shadow_books.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import date, timedelta
from operator import truediv
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.service import ready_service, sessions_between, settings_folder
from core.cycles import DECIDE_AND_SEND, RISK_CHECK

FIRST, LAST = date(2025, 3, 3), date(2025, 3, 7)
EVERY, CHECKS_A_DECISION, RATIO_MAX = timedelta(minutes=5), 3, 2.2
EAGER: dict[str, Any] = {"synthesizer": {"buy_score_min": 0.0}}
SHADOWS: dict[str, dict[str, Any]] = {
    "none": {"profiles": [], "without_agents": False},
    "five": {"without_agents": False},
    "five and six without an agent": {"without_agents": True},
}


def ledgers_mb(folder: Path) -> float:
    """Return how large the shadow books' ledgers are."""
    return sum(path.stat().st_size for path in folder.glob("state/shadow/*/ledger.sqlite")) / 1e6


async def steps_ms(folder: Path, shadow: dict[str, Any]) -> tuple[list[float], int]:
    """Return how long each step took, and how many orders were approved."""
    settings = settings_folder(folder / "config", {**EAGER, "shadow": shadow})
    took, approved = [], 0
    listed = sessions_between(FIRST, LAST)
    async with ready_service(folder / "state", listed[0][0], settings) as (service, clock):
        for opens_at, closes_at in listed:
            at, count = opens_at + EVERY, 0
            while at < closes_at:
                clock.set(at)
                began = time.process_time()
                cycle = RISK_CHECK if count % CHECKS_A_DECISION else DECIDE_AND_SEND
                report = await service.step(cycle)
                took.append((time.process_time() - began) * 1000)
                approved += len(report.plan.approved)
                at, count = at + EVERY, count + 1
    return took, approved


def main() -> None:
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--rounds", type=int, default=3)
    rounds = wanted.parse_args().rounds
    means: dict[str, list[float]] = {name: [] for name in SHADOWS}
    written = {}
    for _ in range(rounds):
        for name, shadow in SHADOWS.items():
            with tempfile.TemporaryDirectory() as folder:
                took, approved = asyncio.run(steps_ms(Path(folder), shadow))
                written[name] = round(ledgers_mb(Path(folder)), 1)
            assert approved > 20, f"{name}: it hardly traded"
            means[name].append(statistics.mean(took[1:]))  # the first opens the files
    typical = {name: round(statistics.median(values), 2) for name, values in means.items()}
    ratios = {
        name: round(statistics.median(map(truediv, values, means["none"])), 2) for name, values in means.items()
    }
    print(
        json.dumps(
            {
                "bench": "shadow_books", "step_mean_cpu_ms": typical, "ratio": ratios, "ledgers_mb": written,
                "ratio_max_of_five": RATIO_MAX,
                "load": round(os.getloadavg()[0], 2), "reached": ratios["five"] <= RATIO_MAX,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
