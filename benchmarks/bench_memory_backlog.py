"""What the step pays while the graph catches up, as after a day without its server: the writer is busy all along.

The daemon's engine steps through weeks of the simulated market, ten times a second, while its memory writes
another ledger's backlog to a server that speaks Bolt: as it is, and with a writer that does not stand aside while
a step runs; and with no backlog, for comparison. Each run is a process of its own, in turns. Prints one JSON line
with the median step over all runs, in milliseconds.

    python benchmarks/bench_memory_backlog.py [--rounds 5] [--weeks 6]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
KINDS = ("no_backlog", "standing_aside", "not_standing_aside")
PAUSE_SECONDS, WARM_UP_STEPS, BACKLOG_DAYS = 0.1, 10, 120


def run_once(kind: str, weeks: int) -> list[float]:
    """Step in this process; give each step's time."""
    from adapters.memory import step_gate
    from config.environment import read_environment
    from daemon.wiring.memory import MemoryService
    from tests.memory.ledgers import some_days
    from tests.servers.bolt import PASSWORD, USER, GraphServer
    from tests.simulation.desk import assert_it_did_something, moments, open_desk, settings

    if kind == "not_standing_aside":
        step_gate.YIELD_SECONDS_MAX = 0.0
    with TemporaryDirectory() as graph, TemporaryDirectory() as folder:
        server, backlog = GraphServer(Path(graph)), some_days(BACKLOG_DAYS, Path(folder) / "backlog.sqlite")
        server.start()
        given = {"STATE_DIR": folder, "NEO4J_USER": USER, "NEO4J_PASSWORD": PASSWORD, "NEO4J_URI": server.uri}
        memory = MemoryService(read_environment(given), settings())
        desk = open_desk(Path(folder), memory=memory)
        if kind != "no_backlog":
            memory.open(backlog)
        times, reports = [], []
        for moment in moments(weeks):
            begun = time.perf_counter()
            reports += desk.run([moment])
            times.append(1000 * (time.perf_counter() - begun))
            time.sleep(PAUSE_SECONDS)
        assert_it_did_something(reports)
        if kind != "no_backlog":
            assert 0 < memory.card()["neo4j"]["written_until_step"] < backlog.last_step(), (
                "it was not busy all along"
            )
        memory.stop()
        server.kill()
    return times[WARM_UP_STEPS:]


def child(kind: str, weeks: int) -> list[float]:
    command = [sys.executable, __file__, "--kind", kind, "--weeks", str(weeks)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    times: list[float] = json.loads(out.stdout.splitlines()[-1])
    return times


def measure(rounds: int, weeks: int) -> dict[str, object]:
    load = os.getloadavg()[0]
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind in KINDS:
            times[kind] += child(kind, weeks)
    medians = {kind: round(statistics.median(times[kind]), 2) for kind in KINDS}
    ratios = {f"{kind}_ratio": round(medians[kind] / medians["no_backlog"], 2) for kind in KINDS[1:]}
    return {
        "name": "memory_backlog", "rounds": rounds, "weeks": weeks, "load_before": round(load, 2),
        "wall_ms": medians, **ratios,
    }  # fmt: skip


def main() -> None:
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--kind", choices=KINDS)
    wanted.add_argument("--rounds", type=int, default=5)
    wanted.add_argument("--weeks", type=int, default=6)
    asked = wanted.parse_args()
    print(json.dumps(run_once(asked.kind, asked.weeks) if asked.kind else measure(asked.rounds, asked.weeks)))


if __name__ == "__main__":
    main()
