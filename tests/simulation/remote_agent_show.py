"""What a user sees: an own agent in three commands, and a language model over HTTP that lies, dies, returns.

`python -m tests.simulation.remote_agent_show` prints both: the commands with their output in a fresh copy of the
project, then `docs/examples/llm_agent.py` as a process of its own before a scripted model, asked by a daemon on a
clock that is moved from decision to decision; its line in the decisions, on the scoreboard and in the letter.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import structlog

from core.cycles import DECIDE
from core.types import StepReport
from tests.integration.test_first_agent import answer, command, environment, fresh_copy
from tests.servers.daemon import ROOT, SMALL_MODELS, free_port, own_settings
from tests.servers.local_http import Answer, Asked, Outcome, local_server
from tests.simulation.driven import Driven, driven, in_new_york

DAY = date(2025, 11, 25)
NAME = "analyst"
SECRET = "a-secret-of-its-own"


@dataclass
class Model:
    """A scripted language model: what it answers next is set from outside."""

    scores: Any = field(default_factory=dict)
    asked: int = 0

    def answer(self, asked: Asked) -> Outcome:
        self.asked += 1
        said = {"scores": self.scores, "reasons": {"AAPL": "its margin"}}
        return Answer(body={"model": "scripted-1", "choices": [{"message": {"content": json.dumps(said)}}]})


@contextmanager
def example(port: int, model_port: int) -> Iterator[None]:
    """Run the example as a user runs it."""
    variables = {**os.environ, "LLM_URL": f"http://127.0.0.1:{model_port}/v1/chat/completions"}
    with subprocess.Popen(
        [sys.executable, "docs/examples/llm_agent.py", str(port)], cwd=ROOT, env=variables
    ) as server:
        try:
            until = time.monotonic() + 60
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
                    break
                except httpx.TransportError:
                    assert time.monotonic() < until, "the example has not begun to listen"
                    time.sleep(0.05)
            yield
        finally:
            server.terminate()


@dataclass(frozen=True, kw_only=True)
class Told:
    """What each of the decisions, the scoreboard and the letter say of the agent."""

    decisions: dict[str, str]
    board: list[str]
    letter: list[str]


@asynccontextmanager
async def daemon_at(folder: Path, port: int) -> AsyncIterator[Driven]:
    config = folder / "config"
    config.mkdir()
    own_settings(config)
    where = {"url": f"http://127.0.0.1:{port}/", "timeout_seconds": 20, "secret": SECRET}
    own = {**SMALL_MODELS, "agents": {NAME: where}, "data": {"history_years": 2}}
    (config / "trading.json").write_text(json.dumps(own))
    async with driven(folder / "state", in_new_york(DAY, 10), settings=config) as it:
        yield it


async def lies_dies_and_comes_back(folder: Path) -> Told:
    """Live two sessions with it."""
    model, port, said = Model(), free_port(), dict[str, str]()
    with local_server(model.answer) as model_port:
        async with daemon_at(folder, port) as it:
            engine = it.daemon.service.engine
            assert engine is not None

            def decide(what: str, minutes: int) -> None:
                it.clock.set(in_new_york(DAY, 10) + timedelta(minutes=minutes))
                said[what] = line_of(engine.step(DECIDE))

            with example(port, model_port):
                stocks = it.daemon.universe.stocks
                model.scores = dict.fromkeys(stocks, 0.5)
                decide("it answers", 1)
                model.scores = dict.fromkeys(stocks, "certainly")
                decide("it lies: a word where a number must be", 16)
                model.scores = {**dict.fromkeys(stocks, 400), "NOT_A_STOCK": 1}
                decide("it lies: 400, and a stock that nobody asked for", 31)
                model.scores = "nothing that could be read"
                decide("it lies: a sentence", 46)
            decide("it is dead", 61)
            with example(port, model_port):
                model.scores = dict.fromkeys(stocks, 0.25)
                decide("it is back", 76)
                await it.run_until(in_new_york(DAY, 16, 40))
                letter = it.daemon.letters.write_letter()
            answered = json.loads(it.daemon.service.status())
            assert SECRET not in json.dumps(answered)
            board = it.daemon.engines.scores.scoreboard()
    assert model.asked >= 5, "the model was never asked"
    line = next(one for one in board.agents if one.name == NAME)
    return Told(
        decisions=said,
        board=[f"{NAME}: weight {line.weight:g}, sessions {line.evidence.sessions}, {line.evidence.state}"],
        letter=[one for one in it.daemon.letters.text(letter).splitlines() if NAME in one],
    )


def line_of(report: StepReport) -> str:
    """Return the agent's line in a decision."""
    votes = [
        f"{vote.signal.symbol} {vote.signal.score:+g} ({vote.signal.model_id}) weight {vote.weight:g}"
        for decision in report.plan.decisions
        for vote in decision.votes
        if vote.signal.agent == NAME
    ]
    reasons = [a.reason for a in report.plan.analysis.abstentions if a.agent == NAME and a.symbol == "*"]
    return "; ".join(
        [f"{len(votes)} votes, such as {votes[0]}" for _ in votes[:1]] + [f"abstains: {one}" for one in reasons]
    )


def three_commands(folder: Path) -> Iterator[str]:
    """Yield the commands and what they print."""
    home, port = fresh_copy(folder / "engine"), free_port()
    (home / "config/trading.json").write_text(json.dumps(SMALL_MODELS))  # small models: for the time alone
    variables = environment(home, port)

    def run(*arguments: str) -> Iterator[str]:
        yield f"$ trading-engine {' '.join(arguments)}"
        done = subprocess.run(
            command(home, *arguments), cwd=home, env=variables, capture_output=True, text=True, check=True
        )
        yield done.stdout.replace(str(home), ".")

    yield from run("new", "agent", "mine")
    yield "$ trading-engine run &"
    with subprocess.Popen(command(home, "run"), cwd=home, env=variables, stderr=subprocess.DEVNULL) as daemon:
        try:
            answer(port, "/ready")
            yield from run("scoreboard")
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(60)


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # the output is the show's
    with tempfile.TemporaryDirectory() as folder:
        for line in three_commands(Path(folder)):
            print(line)
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(lies_dies_and_comes_back(Path(folder)))
    print("A language model over HTTP, in the decisions:")
    for what, line in told.decisions.items():
        print(f"  {what}\n      {line}")
    print("on the scoreboard:", *told.board, sep="\n  ")
    print("in the letter:", *told.letter, sep="\n  ")


if __name__ == "__main__":
    main()
