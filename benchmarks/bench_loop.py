"""The slowest `/health` while a retrain runs: training is a child process, so the event loop must not notice."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import Daemon, get

LATENCY_MS_MAX = 50.0
PAUSE_SECONDS = 0.005
RETRAIN_SECONDS_MAX = 600.0


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> float:
    """Ask for `/health` once; give the milliseconds."""
    began = time.perf_counter()
    writer.write(f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
    return (time.perf_counter() - began) * 1000


async def latencies(port: int, job: asyncio.Task[tuple[int, bytes]]) -> tuple[list[float], float]:
    """Ask until the job is done; give each latency, and by how much this client itself was woken too late."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    out, late_ms = [], 0.0
    while not job.done():
        out.append(await ask(reader, writer, port))
        paused = time.perf_counter()
        await asyncio.sleep(PAUSE_SECONDS)
        late_ms = max(late_ms, (time.perf_counter() - paused - PAUSE_SECONDS) * 1000)
    writer.close()
    return out, late_ms


async def measure(port: int) -> tuple[list[float], float, float]:
    began = time.perf_counter()
    retrain = asyncio.create_task(asyncio.to_thread(get, port, "/quant/retrain", "POST", RETRAIN_SECONDS_MAX))
    out, late_ms = await latencies(port, retrain)
    status, body = retrain.result()
    assert status == 200, body
    return out, late_ms, time.perf_counter() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder)) as daemon:
        daemon.wait_idle()
        out, late_ms, seconds = asyncio.run(measure(daemon.port))
    ordered = sorted(out)
    print(
        json.dumps(
            {
                "bench": "loop",
                "health_ms_max": round(ordered[-1], 2),
                "health_ms_p99": round(ordered[int(len(ordered) * 0.99)], 2),
                "health_ms_p50": round(statistics.median(ordered), 2),
                "limit_ms": LATENCY_MS_MAX,
                "client_late_ms_max": round(late_ms, 2),
                "requests": len(out),
                "retrain_seconds": round(seconds, 1),
                "reached": ordered[-1] <= LATENCY_MS_MAX,
            }
        )
    )


if __name__ == "__main__":
    main()
