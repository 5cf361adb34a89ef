"""Broadcast of 200-byte messages to 100 and 1,000 clients on loopback: our stream against a bare uvicorn loop.

Both servers run all the time, each in a process of its own, and are asked in turn by the same clients; the ratio
is the median of the pairs, so that other work on the machine touches both. `cpu_ratio` compares the processor
time that each server spent on the same messages: the ratio on a machine with nothing else to do.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import ROOT, free_port, wait_until
from benchmarks.stream_clients import Client, connect

ROUNDS = 15
MESSAGES = {100: 200, 1_000: 20}
RATIO_MIN = 0.5
ROUND_SECONDS_MAX = START_SECONDS_MAX = 60.0


class Server:
    """One of the two servers, with the clients that listen to it."""

    def __init__(self, kind: str, stack: ExitStack) -> None:
        self.port = free_port()
        self._child = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "benchmarks/stream_server.py", kind, str(self.port)],
                cwd=ROOT, stdin=subprocess.PIPE, text=True,
            )
        )  # fmt: skip
        stack.callback(self._child.terminate)
        self._clients: list[Client] = []
        self._missing = 0
        self._all_there = asyncio.Event()
        wait_until(self._listens, START_SECONDS_MAX, 0.1)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def fill(self, count: int) -> None:
        while len(self._clients) < count:
            self._clients.append(await connect(self.port, self._took))

    async def round(self, messages: int, pause_seconds: float = 0.0) -> float:
        """Send messages; give how many a second arrived at all clients together."""
        self._missing = total = messages * len(self._clients)
        self._all_there.clear()
        began = time.perf_counter()
        self.order(messages, pause_seconds)
        await asyncio.wait_for(self._all_there.wait(), ROUND_SECONDS_MAX)
        return total / (time.perf_counter() - began)

    @property
    def cpu_seconds(self) -> float:
        """Processor time so far, from /proc."""
        fields = Path(f"/proc/{self._child.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def order(self, messages: int, pause_seconds: float) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(f"{messages} {pause_seconds}\n")
        self._child.stdin.flush()

    def _took(self, _: bytes) -> None:
        self._missing -= 1
        if not self._missing:
            self._all_there.set()


async def compare(clients: int, ours: Server, bare: Server) -> dict[str, float]:
    await ours.fill(clients)
    await bare.fill(clients)
    pairs = []
    cpu_before = {server: server.cpu_seconds for server in (ours, bare)}
    for number in range(ROUNDS):
        pair = {}
        for server in (ours, bare) if number % 2 else (bare, ours):
            pair[server] = await server.round(MESSAGES[clients])
        pairs.append((pair[ours], pair[bare]))
    cpu = {server: server.cpu_seconds - cpu_before[server] for server in (ours, bare)}
    return {
        f"ours_{clients}": round(statistics.median(a for a, _ in pairs)),
        f"bare_{clients}": round(statistics.median(b for _, b in pairs)),
        f"ratio_{clients}": round(statistics.median(a / b for a, b in pairs), 3),
        f"cpu_ratio_{clients}": round(cpu[bare] / cpu[ours], 3),
    }


async def measure() -> dict[str, float]:
    with ExitStack() as stack:
        ours, bare = Server("ours", stack), Server("bare", stack)
        return {key: value for clients in MESSAGES for key, value in (await compare(clients, ours, bare)).items()}


def main() -> None:
    found = asyncio.run(measure())
    reached = all(found[f"ratio_{clients}"] >= RATIO_MIN for clients in MESSAGES)
    print(json.dumps({"bench": "stream", **found, "ratio_min": RATIO_MIN, "reached": reached}))


if __name__ == "__main__":
    main()
