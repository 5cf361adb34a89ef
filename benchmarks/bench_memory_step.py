"""The step's time with the memory's graph up, down and silent: it must be the same within 5 %.

Four services with their memory (both outboxes, recall in every view) take the same steps of the simulated market:
one with a server that speaks Bolt, one with nothing at that address, one with a server that takes the connection
and never answers, and one with SQLite alone, for the price of the graph. Each is a process of its own. They step
one after the other, and who was first is last at the next moment, so that what else the machine does meets all
alike. After each step comes a pause, in which the graph is written: live there are minutes, here a quarter of a
second, with the ledger looked at every 0.05 s instead of every second. Prints one JSON line.
Steps are compared one by one over the rounds, each with new processes: `typical_ms` is the mean over the steps of
the median of a step's rounds, `best_ms` of the fastest (others on the machine only ever add to it).

    python benchmarks/bench_memory_step.py [--rounds 5] [--sessions 40]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import ROOT, free_port
from benchmarks.graph_server import PASSWORD, USER, graph_server, silent_server
from benchmarks.service import ready_service, sessions_between, settings_folder
from core.cycles import DECIDE_AND_SEND, RISK_CHECK
from core.types import Cycle

GRAPHS = ("up", "down", "silent")
KINDS = ("sqlite_alone", *GRAPHS)
OF: dict[str, Callable[[Iterable[float]], float]] = {"typical_ms": statistics.median, "best_ms": min}
FIRST, LAST = date(2021, 4, 5), date(2021, 12, 31)
PAUSE_SECONDS, SPREAD_MAX, WARM_UP_STEPS = 0.25, 0.05, 10
SETTINGS = {
    "memory": {"look_seconds": 0.05},
    "quant": {"n_estimators": 25, "learning_rate": 0.2},
    "synthesizer": {"buy_score_min": 0.1},
}
Scheduled = tuple[datetime, Cycle]


def moments(sessions: int) -> list[Scheduled]:
    """Each session's risk check in the morning and its decision before the close."""
    listed = sessions_between(FIRST, LAST)[:sessions]
    pairs = [
        ((opens + timedelta(minutes=30), RISK_CHECK), (closes - timedelta(minutes=15), DECIDE_AND_SEND))
        for opens, closes in listed
    ]
    return [moment for pair in pairs for moment in pair]


async def step_when_asked(state: Path, uri: str, sessions: int) -> None:
    """Take one step for each line that comes; answer each with its time, and at the end with what was done."""
    graph = {"NEO4J_URI": uri, "NEO4J_USER": USER, "NEO4J_PASSWORD": PASSWORD} if uri else {}
    listed, sides, recalled = moments(sessions), set(), 0
    settings = settings_folder(state.parent / f"{state.name}-config", SETTINGS)
    async with ready_service(state, listed[0][0], settings, **graph) as (service, clock):
        print(json.dumps("ready"), flush=True)
        for at, cycle in listed:
            await asyncio.to_thread(sys.stdin.readline)
            clock.set(at)
            began = time.perf_counter()
            report = await service.step(cycle)
            print(json.dumps(1000 * (time.perf_counter() - began)), flush=True)
            sides |= {fill.side.value for fill in report.fills}
            recalled += sum("remembered:" in why for one in report.plan.decisions for why in one.reasons)
        await asyncio.to_thread(sys.stdin.readline)
        graph_card = json.loads(service.status())["memory"]["graph"]
    assert sides == {"buy", "sell"}, sides
    written = graph_card["neo4j"]["written_until_step"] if uri else 0
    print(json.dumps({"written": written, "recalled": recalled}), flush=True)


class Stepper:
    """A service in a process of its own."""

    def __init__(self, kind: str, uri: str, state: Path, sessions: int) -> None:
        command = [sys.executable, __file__, "--state", str(state), "--uri", uri, "--sessions", str(sessions)]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.kind = kind
        self.times: list[float] = []
        assert self._answer() == "ready"

    def step(self) -> None:
        """Let it take its next step."""
        self.times.append(float(self._ask()))

    def end(self) -> None:
        """Let it end; it must have recalled, and written exactly where there is a graph."""
        done = self._ask()
        assert done["recalled"] > 0, (self.kind, done)
        assert (done["written"] > 0) == (self.kind == "up"), (self.kind, done)
        self._child.wait()

    def kill(self) -> None:
        """End it if it has not ended."""
        self._child.kill()
        self._child.communicate()

    def _ask(self) -> Any:
        assert self._child.stdin is not None
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line, f"the service with its graph {self.kind} ended"
        return json.loads(line)


def one_round(trained: Path, sessions: int) -> dict[str, list[float]]:
    """Let new processes and servers take all steps, turn about; give each kind's times."""
    with ExitStack() as ends:
        folder = Path(ends.enter_context(TemporaryDirectory()))
        uris = {
            "sqlite_alone": "",
            "up": ends.enter_context(graph_server(folder)),
            "down": f"bolt://127.0.0.1:{free_port()}",
            "silent": ends.enter_context(silent_server()),
        }
        steppers = []
        for kind in KINDS:
            shutil.copytree(trained / "models", folder / kind / "models")
            steppers.append(Stepper(kind, uris[kind], folder / kind, sessions))
            ends.callback(steppers[-1].kill)
        for _ in moments(sessions):
            for stepper in steppers:
                stepper.step()
                time.sleep(PAUSE_SECONDS)
            steppers.append(steppers.pop(0))
        for stepper in steppers:
            stepper.end()
        return {stepper.kind: stepper.times[WARM_UP_STEPS:] for stepper in steppers}


async def train(state: Path) -> None:
    """Train the ranker that all of them use."""
    async with ready_service(state, moments(1)[0][0], settings_folder(state / "config", SETTINGS)):
        pass


def mean_step(rounds: list[list[float]], of: Callable[[Iterable[float]], float]) -> float:
    """Give the mean step, of which each time is one of its rounds."""
    return round(statistics.fmean(of(step) for step in zip(*rounds, strict=True)), 3)


def measure(rounds: int, sessions: int) -> dict[str, Any]:
    load = os.getloadavg()[0]
    with TemporaryDirectory() as trained:
        asyncio.run(train(Path(trained)))
        seen = [one_round(Path(trained), sessions) for _ in range(rounds)]
    steps = {kind: {key: mean_step([one[kind] for one in seen], of) for key, of in OF.items()} for kind in KINDS}
    spread = {key: max(of) / min(of) - 1 for key in OF if (of := [steps[kind][key] for kind in GRAPHS])}
    return {
        "bench": "memory_step", "rounds": rounds, "sessions": sessions, "load_before": round(load, 2), **steps,
        "spread": {key: round(value, 4) for key, value in spread.items()}, "spread_max": SPREAD_MAX,
        "reached": spread["best_ms"] <= SPREAD_MAX,
    }  # fmt: skip


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--state", type=Path)
    wanted.add_argument("--uri", default="")
    wanted.add_argument("--rounds", type=int, default=5)
    wanted.add_argument("--sessions", type=int, default=40)
    asked = wanted.parse_args()
    if asked.state:
        asyncio.run(step_when_asked(asked.state, asked.uri, asked.sessions))
        return
    print(json.dumps(measure(asked.rounds, asked.sessions)))


if __name__ == "__main__":
    main()
