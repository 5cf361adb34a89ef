"""The step's time with the graph up, down and stalled: it must be the same within 5 %.

Four daemons' engines with their memory (both outboxes, recall in every view) take the same steps of the simulated
market: one with a server that speaks Bolt, one with nothing at that address, one with a server that takes the
connection and never answers, and one without any memory, for the price of it. Each is a process of its own. They
step one after the other, and who was first is last at the next moment, so that what else the machine does meets
all alike. After each step comes a pause, in which the graph is written: live there are minutes, here a quarter of
a second, with the ledger looked at every 0.05 s instead of every second.
Steps are compared one by one over the rounds, each with new processes, and the mean over the steps is given, in
milliseconds: `wall_ms` of the median of each step's rounds, and `cpu_ms`, the engine thread's own CPU time, of
the fastest (others on the machine only ever add to it). Prints one JSON line.

    python benchmarks/bench_memory_step.py [--rounds 5] [--weeks 8]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
GRAPHS = ("up", "down", "stalled")
KINDS = ("without", *GRAPHS)
OF: dict[str, Callable[[Iterable[float]], float]] = {"wall_ms": statistics.median, "cpu_ms": min}
PAUSE_SECONDS, LOOK_SECONDS = 0.25, 0.05
SPREAD_MAX, WARM_UP_STEPS = 0.05, 10


def step_when_told(folder: Path, uri: str, weeks: int) -> None:
    """Take one step for each line that comes; answer each with its times, and at the end with what was done."""
    from config.environment import read_environment
    from daemon.wiring.memory import MemoryService
    from models.regime.tracker import RegimeTracker
    from tests.servers.bolt import PASSWORD, USER
    from tests.simulation.desk import assert_it_did_something, moments, open_desk, settings

    given = {"STATE_DIR": str(folder), "NEO4J_USER": USER, "NEO4J_PASSWORD": PASSWORD, "NEO4J_URI": uri}
    trading = settings()
    often = trading.memory.model_copy(update={"look_seconds": LOOK_SECONDS})
    memory = MemoryService(read_environment(given), trading.model_copy(update={"memory": often}))
    tracker = RegimeTracker(trading.regime)
    if uri:
        desk = open_desk(
            folder,
            wrap_feed=lambda feed, ledger, factors: memory.recalling(feed, ledger, factors, tracker),
            memory=memory,
        )
        memory.open(desk.ledger)
    else:
        desk = open_desk(folder)
    reports = []
    for moment in moments(weeks):
        sys.stdin.readline()
        wall, cpu = time.perf_counter(), time.thread_time()
        reports += desk.run([moment])
        cpu_ms, wall_ms = 1000 * (time.thread_time() - cpu), 1000 * (time.perf_counter() - wall)
        print(json.dumps({"wall_ms": wall_ms, "cpu_ms": cpu_ms}), flush=True)
    sys.stdin.readline()
    assert_it_did_something(reports)
    written = memory.card()["neo4j"]["written_until_step"] if uri else 0
    recalled = sum("remembered:" in reason for r in reports for d in r.plan.decisions for reason in d.reasons)
    memory.stop()
    print(json.dumps({"written": written, "behind": desk.ledger.last_step() - written, "recalled": recalled}))


class Stepper:
    """An engine in a process of its own."""

    def __init__(self, kind: str, uri: str, folder: Path, weeks: int) -> None:
        command = [sys.executable, __file__, "--folder", str(folder), "--uri", uri, "--weeks", str(weeks)]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.kind = kind
        self.times: list[Mapping[str, float]] = []

    def step(self) -> None:
        """Let it take its next step."""
        self.times.append(self._ask())

    def end(self) -> None:
        """Let it end; it must have done what its kind does."""
        done = self._ask()
        assert (done["recalled"] > 0) == (self.kind != "without"), (self.kind, done)
        assert (done["written"] > 0) == (self.kind == "up"), (self.kind, done)
        assert done["behind"] == 0 or self.kind != "up", (self.kind, done)
        self._child.wait()

    def kill(self) -> None:
        """End it if it has not ended."""
        self._child.kill()
        self._child.communicate()

    def _ask(self) -> Any:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        while not (line := self._child.stdout.readline()).startswith("{"):
            assert line, f"the engine with its graph {self.kind} ended"
        return json.loads(line)


def one_round(weeks: int) -> dict[str, list[Mapping[str, float]]]:
    """Let new processes and servers take all steps, turn about; give each kind's times."""
    from tests.servers.bolt import GraphServer, free_ports
    from tests.simulation.desk import moments

    with ExitStack() as ends:
        folders = [Path(ends.enter_context(TemporaryDirectory())) for _ in range(2 + len(KINDS))]
        server, stalled = (GraphServer(folder) for folder in folders[:2])
        for one in (server, stalled):
            one.start()
            ends.callback(one.kill)
        stalled.stall()
        nobody = f"bolt://127.0.0.1:{free_ports(1)[0]}"
        uris = {"without": "", "up": server.uri, "down": nobody, "stalled": stalled.uri}
        steppers = [
            Stepper(kind, uris[kind], folder, weeks) for kind, folder in zip(KINDS, folders[2:], strict=True)
        ]
        for stepper in steppers:
            ends.callback(stepper.kill)
        for _ in moments(weeks):
            for stepper in steppers:
                stepper.step()
                time.sleep(PAUSE_SECONDS)
            steppers.append(steppers.pop(0))
        time.sleep(PAUSE_SECONDS)
        for stepper in steppers:
            stepper.end()
        return {stepper.kind: stepper.times[WARM_UP_STEPS:] for stepper in steppers}


def measure(rounds: int, weeks: int) -> dict[str, Any]:
    load = os.getloadavg()[0]
    seen = [one_round(weeks) for _ in range(rounds)]
    typical = {kind: {key: mean_step([one[kind] for one in seen], key) for key in OF} for kind in KINDS}
    spread = {key: round(max(of) / min(of) - 1, 4) for key in OF if (of := [typical[k][key] for k in GRAPHS])}
    return {
        "name": "memory_step", "rounds": rounds, "weeks": weeks, "load_before": round(load, 2), **typical,
        "spread": spread, "limit": SPREAD_MAX, "reached": max(spread.values()) <= SPREAD_MAX,
    }  # fmt: skip


def mean_step(rounds: list[list[Mapping[str, float]]], key: str) -> float:
    """Give the mean step, of which each time is one of its rounds."""
    return round(statistics.fmean(OF[key](one[key] for one in step) for step in zip(*rounds, strict=True)), 3)


def main() -> None:
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--folder", type=Path)
    wanted.add_argument("--uri", default="")
    wanted.add_argument("--rounds", type=int, default=5)
    wanted.add_argument("--weeks", type=int, default=8)
    asked = wanted.parse_args()
    if asked.folder:
        step_when_told(asked.folder, asked.uri, asked.weeks)
        return
    print(json.dumps(measure(asked.rounds, asked.weeks)))


if __name__ == "__main__":
    main()
