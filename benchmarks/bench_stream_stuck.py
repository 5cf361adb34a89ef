"""One stuck client among 100: what it does to the others' p99 latency.

Two servers of ours run all the time, one with 100 reading clients, one with 99 and one that stopped reading so
long ago that every buffer before it is full. They are measured in turn, in many short rounds; the medians of the
rounds are compared, since one round that the machine disturbs says nothing.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.bench_stream import Server
from benchmarks.daemon import get
from benchmarks.stream_clients import connect

ROUNDS = 61
CLIENTS, MESSAGES, PAUSE_SECONDS = 100, 60, 0.004
FLOOD_MESSAGES, FLOODS_MAX = 1_000, 200
GROWTH_MAX = 0.10


class Timed(Server):
    """A server whose clients note how long each message took to come."""

    def __init__(self, stack: ExitStack) -> None:
        super().__init__("ours", stack)
        self.latencies: list[float] = []

    def _took(self, payload: bytes) -> None:
        at = payload.index(b'"sent":') + 7
        self.latencies.append(time.monotonic() - float(payload[at : payload.index(b",", at)]))
        super()._took(payload)

    async def p99_ms(self) -> float:
        self.latencies.clear()
        await self.round(MESSAGES, PAUSE_SECONDS)
        return 1000 * sorted(self.latencies)[int(0.99 * len(self.latencies))]

    async def add_stuck(self) -> None:
        """Let a client listen, stop reading, and get more than all buffers before it hold."""
        stuck = await connect(self.port, lambda _: None)
        stuck.transport.pause_reading()
        for _ in range(FLOODS_MAX):
            self.order(FLOOD_MESSAGES, 0.0)
            await asyncio.sleep(0.5)
            if json.loads(get(self.port, "/ws/status")[1])["dropped"]:
                return
        raise AssertionError("the client is not stuck")


async def measure() -> dict[str, float]:
    with ExitStack() as stack:
        free, beside_stuck = Timed(stack), Timed(stack)
        await beside_stuck.add_stuck()
        await free.fill(CLIENTS)
        await beside_stuck.fill(CLIENTS - 1)
        pairs = []
        for number in range(ROUNDS):
            pair = {}
            for server in (free, beside_stuck) if number % 2 else (beside_stuck, free):
                pair[server] = await server.p99_ms()
            pairs.append((pair[free], pair[beside_stuck]))
    p99_free, p99_beside = (statistics.median(rounds) for rounds in zip(*pairs, strict=True))
    return {
        "p99_ms_free": round(p99_free, 3),
        "p99_ms_beside_stuck": round(p99_beside, 3),
        "growth": round(p99_beside / p99_free - 1, 3),
    }


def main() -> None:
    found = asyncio.run(measure())
    reached = found["growth"] <= GROWTH_MAX
    print(json.dumps({"bench": "stream_stuck", **found, "growth_max": GROWTH_MAX, "reached": reached}))


if __name__ == "__main__":
    main()
