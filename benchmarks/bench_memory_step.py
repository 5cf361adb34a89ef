"""The step's time with the graph up, down and stalled: it must be the same within 5 %.

The daemon's engine with its memory (both outboxes, recall in every view) steps through weeks of the simulated
market, once with a server that speaks Bolt, once with nothing at that address, once with a server that takes
the connection and never answers; and once without any memory, for the price of it. Each run is a process of its
own, in turns, and each round begins with another. A pause follows each step, as it does live (there minutes,
here a tenth of a second, so that the writers are behind at nearly every step).
Every run takes the same steps, so they are compared one by one, and the mean over the steps is given, in
milliseconds: `wall_ms` of the median of each step's rounds, and `cpu_ms`, the engine thread's own CPU time, of
the fastest (others on the machine only ever add to it). Prints one JSON line; on a busy machine `wall_ms` tells
nothing.

    python benchmarks/bench_memory_step.py [--rounds 8] [--weeks 8]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
if TYPE_CHECKING:
    from tests.servers.bolt import GraphServer

KINDS = ("without", "up", "down", "stalled")
OF: dict[str, Callable[[Iterable[float]], float]] = {"wall_ms": statistics.median, "cpu_ms": min}
PAUSE_SECONDS, SPREAD_MAX, WARM_UP_STEPS = 0.1, 0.05, 10


def run_once(folder: Path, uri: str, weeks: int) -> dict[str, Any]:
    """Step in this process; give each step's time."""
    from config.environment import read_environment
    from models.regime import RegimeTracker
    from pipeline.bootstrap.memory_desk import MemoryDesk
    from tests.servers.bolt import PASSWORD, USER
    from tests.simulation.desk import assert_it_did_something, moments, open_desk, settings

    given = {"STATE_DIR": str(folder), "NEO4J_USER": USER, "NEO4J_PASSWORD": PASSWORD, "NEO4J_URI": uri}
    memory = MemoryDesk(read_environment(given), settings())
    tracker = RegimeTracker(settings().regime)
    if uri:
        desk = open_desk(
            folder,
            wrap_feed=lambda feed, ledger, factors: memory.recalling(feed, ledger, factors, tracker),
            memory=memory,
        )
        memory.open(desk.ledger)
    else:
        desk = open_desk(folder)
    reports, walls, cpus = [], [], []
    for moment in moments(weeks):
        wall, cpu = time.perf_counter(), time.thread_time()
        reports += desk.run([moment])
        cpus.append(time.thread_time() - cpu)
        walls.append(time.perf_counter() - wall)
        time.sleep(PAUSE_SECONDS)
    assert_it_did_something(reports)
    card = memory.card()
    memory.stop()
    written = card["neo4j"]["written_until_step"] if uri else 0
    recalled = sum("remembered:" in reason for r in reports for d in r.plan.decisions for reason in d.reasons)
    return {
        "wall_ms": [1000 * wall for wall in walls[WARM_UP_STEPS:]],
        "cpu_ms": [1000 * cpu for cpu in cpus[WARM_UP_STEPS:]],
        "written": written, "recalled": recalled,
    }  # fmt: skip


def child(kind: str, uri: str, weeks: int) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--once", folder, "--uri", uri, "--weeks", str(weeks)]
        out = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    answer: dict[str, Any] = json.loads(out.stdout.splitlines()[-1])
    assert (answer["written"] > 0) == (kind == "up"), (kind, answer)
    assert (answer["recalled"] > 0) == (kind != "without"), (kind, answer)
    return answer


def measure(rounds: int, weeks: int) -> dict[str, Any]:
    from tests.servers.bolt import GraphServer

    seen: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        server = GraphServer(Path(folder))
        server.start()
        try:
            for number in range(rounds):
                for kind in KINDS[number % len(KINDS) :] + KINDS[: number % len(KINDS)]:
                    seen[kind].append(run_kind(kind, server, weeks))
        finally:
            server.kill()
    medians = {
        kind: {key: typical([run[key] for run in runs], of) for key, of in OF.items()}
        for kind, runs in seen.items()
    }
    spread = {
        key: round(max(m[key] for m in graphs(medians)) / min(m[key] for m in graphs(medians)) - 1, 4)
        for key in OF
    }
    return {
        "name": "memory_step", "rounds": rounds, "weeks": weeks, "load_before": round(load, 2), **medians,
        "spread": spread, "limit": SPREAD_MAX, "reached": max(spread.values()) <= SPREAD_MAX,
    }  # fmt: skip


def run_kind(kind: str, server: GraphServer, weeks: int) -> dict[str, Any]:
    from tests.memory.conftest import store_at
    from tests.servers.bolt import free_ports

    if kind == "up":
        empty(store_at(server))
    nobody = f"bolt://127.0.0.1:{free_ports(1)[0]}"
    uri = {"without": "", "up": server.uri, "down": nobody, "stalled": server.uri}[kind]
    if kind == "stalled":
        server.stall()
    try:
        return child(kind, uri, weeks)
    finally:
        server.go_on()


def typical(rounds: list[list[float]], of: Callable[[Iterable[float]], float]) -> float:
    """Give the mean step, of which each time is one of its rounds."""
    return round(statistics.fmean(of(times) for times in zip(*rounds, strict=True)), 3)


def graphs(medians: dict[str, dict[str, float]]) -> list[dict[str, float]]:
    return [medians[kind] for kind in ("up", "down", "stalled")]


def empty(store: Any) -> None:
    import asyncio

    async def go() -> None:
        await store._ask("MATCH (n) DETACH DELETE n", {})
        await store.close()

    asyncio.run(go())


def main() -> None:
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--once", type=Path)
    wanted.add_argument("--uri", default="")
    wanted.add_argument("--rounds", type=int, default=8)
    wanted.add_argument("--weeks", type=int, default=8)
    asked = wanted.parse_args()
    if asked.once:
        print(json.dumps(run_once(asked.once, asked.uri, asked.weeks)))
        return
    print(json.dumps(measure(asked.rounds, asked.weeks)))


if __name__ == "__main__":
    main()
