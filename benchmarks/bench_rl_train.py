"""`POST /train` and `POST /predict` on a running daemon as configured: seconds, milliseconds, memory given back.

Training stops early as configured; `bench_rl_steps.py` measures all 50,000 steps of each member.
"""

from __future__ import annotations

import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import Daemon

TIMESTEPS, CALLS = 50_000, 200
TRAIN_SECONDS_MAX, PREDICT_P50_MS_MAX, MEMORY_MB_MAX = 90.0, 15.0, 20.0


def main() -> None:
    with tempfile.TemporaryDirectory() as state, Daemon(Path(state)) as daemon:
        daemon.wait_idle()
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=900)
        for _ in range(3):
            post(connection, "/quant/rank")
        before_mb = daemon.resident_mb
        load = os.getloadavg()[0]
        began = time.perf_counter()
        trained = post(connection, "/train", {"timesteps": TIMESTEPS})
        seconds = time.perf_counter() - began
        after_mb = daemon.resident_mb
        began = time.perf_counter()
        first = post(connection, "/predict")
        first_ms = (time.perf_counter() - began) * 1000
        times_ms = sorted(timed_ms(connection) for _ in range(CALLS))
        predicted_mb = daemon.resident_mb
    steps = {name: card["steps"] for name, card in trained["members"].items()}
    print(
        json.dumps(
            {
                "name": "rl_train_predict",
                "steps": steps,
                "train_seconds": round(seconds, 1),
                "train_seconds_max": TRAIN_SECONDS_MAX,
                "load_1m": [round(load, 2), round(os.getloadavg()[0], 2)],
                "memory_mb": [before_mb, after_mb, predicted_mb],
                "memory_mb_kept_max": MEMORY_MB_MAX,
                "predict_tickers": len(first["predictions"]),
                "predict_first_ms": round(first_ms, 1),
                "predict_p50_ms": round(statistics.median(times_ms), 1),
                "predict_p99_ms": round(times_ms[int(0.99 * CALLS)], 1),
                "predict_p50_ms_max": PREDICT_P50_MS_MAX,
            }
        )
    )


def post(connection: http.client.HTTPConnection, path: str, body: object = None) -> dict[str, Any]:
    connection.request("POST", path, json.dumps(body or {}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content: dict[str, Any] = json.loads(answer.read())
    assert answer.status == 200, content
    return content


def timed_ms(connection: http.client.HTTPConnection) -> float:
    began = time.perf_counter()
    post(connection, "/predict")
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
