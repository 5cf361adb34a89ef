"""`POST /decide/v3` with bars and models in memory: 200 calls over one connection."""

from __future__ import annotations

import http.client
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import Daemon

CALLS = 200
P50_MS_MAX, P99_MS_MAX = 30.0, 100.0


def main() -> None:
    with tempfile.TemporaryDirectory() as state, Daemon(Path(state)) as daemon:
        daemon.wait_idle()
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port)
        times_ms = []
        for _ in range(CALLS + 5):
            began = time.perf_counter()
            connection.request("POST", "/decide/v3")
            answer = json.loads(connection.getresponse().read())
            times_ms.append((time.perf_counter() - began) * 1000)
            assert answer["decisions"], "the decision decided on nothing"
    warm = sorted(times_ms[5:])
    print(
        json.dumps(
            {
                "name": "decide_v3_warm",
                "calls": CALLS,
                "p50_ms": round(statistics.median(warm), 1),
                "p99_ms": round(warm[int(0.99 * CALLS)], 1),
                "p50_ms_max": P50_MS_MAX,
                "p99_ms_max": P99_MS_MAX,
            }
        )
    )


if __name__ == "__main__":
    main()
