"""A fresh start: process start to `/health` 200 and the memory then, and to the first decision with a ranker.

The start stands beside a bare import of fastapi and pandas, in turns. The first decision is on the simulated
market with an empty state folder: bars, factors, a ranker trained in a child, the regime, the vote.
Prints one JSON line.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import Daemon, get, wait_until

STARTS, DECISIONS = 5, 3
HEALTH_SECONDS_MAX, RESIDENT_MB_MAX, DECISION_SECONDS_MAX = 2.0, 200.0, 30.0


def start() -> tuple[float, float]:
    """Give seconds to the first 200 and the resident MiB then."""
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder)) as daemon:
        wait_until(lambda: daemon.answers("/health"), 60)
        return time.perf_counter() - daemon.started, daemon.resident_mb


def bare_import() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import fastapi, pandas"], check=True)
    return time.perf_counter() - began


def first_decision() -> float:
    """Give seconds to a decision in which the ranker voted."""
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder)) as daemon:
        daemon.wait_idle()
        status, body = get(daemon.port, "/decide/v3", "POST", 60)
        took = time.perf_counter() - daemon.started
        assert status == 200, body
        heard = {vote["agent"] for one in json.loads(body)["decisions"] for vote in one["votes"]}
        assert "quant" in heard, "the ranker did not vote"
        return took


def main() -> None:
    starts, imports = [], []
    for _ in range(STARTS):
        starts.append(start())
        imports.append(bare_import())
    health = statistics.median(seconds for seconds, _ in starts)
    resident = max(resident for _, resident in starts)
    decision = statistics.median(first_decision() for _ in range(DECISIONS))
    limits = (HEALTH_SECONDS_MAX, RESIDENT_MB_MAX, DECISION_SECONDS_MAX)
    print(
        json.dumps(
            {
                "bench": "start",
                "health_seconds": round(health, 2),
                "health_seconds_max": HEALTH_SECONDS_MAX,
                "bare_import_seconds": round(statistics.median(imports), 2),
                "ratio_to_bare_import": round(health / statistics.median(imports), 2),
                "resident_mb": round(resident, 1),
                "resident_mb_max": RESIDENT_MB_MAX,
                "first_decision_seconds": round(decision, 1),
                "first_decision_seconds_max": DECISION_SECONDS_MAX,
                "load": round(os.getloadavg()[0], 2),
                "reached": all(a <= b for a, b in zip((health, resident, decision), limits, strict=True)),
            }
        )
    )


if __name__ == "__main__":
    main()
