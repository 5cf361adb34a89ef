"""Process start to `/health` 200, and the memory then, beside a bare import of fastapi and pandas."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import Daemon, wait_until

RUNS = 5
SECONDS_MAX = 2.0
RESIDENT_MB_MAX = 200.0


def start() -> tuple[float, float]:
    """Give seconds to the first 200 and the resident MiB then."""
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder)) as daemon:
        wait_until(lambda: daemon.answers("/health"), 60)
        return time.perf_counter() - daemon.started, daemon.resident_mb


def bare_import() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import fastapi, pandas"], check=True)
    return time.perf_counter() - began


def main() -> None:
    starts, imports = [], []
    for _ in range(RUNS):
        starts.append(start())
        imports.append(bare_import())
    seconds = statistics.median(seconds for seconds, _ in starts)
    resident = max(resident for _, resident in starts)
    print(
        json.dumps(
            {
                "bench": "start",
                "health_seconds": round(seconds, 3),
                "health_seconds_max": SECONDS_MAX,
                "resident_mb": round(resident, 1),
                "resident_mb_max": RESIDENT_MB_MAX,
                "bare_import_seconds": round(statistics.median(imports), 3),
                "ratio_to_bare_import": round(seconds / statistics.median(imports), 2),
                "reached": seconds <= SECONDS_MAX and resident <= RESIDENT_MB_MAX,
            }
        )
    )


if __name__ == "__main__":
    main()
