"""The command line as a process, beside a real daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers.daemon import OURS, ROOT, Process, own_settings
from tests.simulation.desk import models, moments, open_desk

SECONDS_MAX = 300.0


def begin(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start `trading-engine ARGUMENTS` in an environment of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments], cwd=ROOT, env={**kept, **variables},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def wait_for_answer(child: subprocess.Popen[str], port: int) -> None:
    """Wait until a daemon that was begun answers /health."""
    limit = time.monotonic() + SECONDS_MAX
    while True:
        assert child.poll() is None, "it ended"
        assert time.monotonic() < limit, "it does not answer"
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return


def run(*arguments: str, asked: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `trading-engine ARGUMENTS` in an environment of its own; `asked` is what a person types."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments], cwd=ROOT, env={**kept, **variables}, input=asked,
        capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip


class CommandLine:
    """`trading-engine` for one daemon."""

    def __init__(self, daemon: Process) -> None:
        self.daemon = daemon
        self.variables = {"TRADING_PORT": str(daemon.port)}
        self.document = daemon.answer("/openapi.json")

    def __call__(self, *arguments: str, asked: str = "", code: int = 0) -> str:
        """Give what a command that ends with this code wrote; its errors too, where it is to fail."""
        done = run(*arguments, asked=asked, **self.variables)
        written = done.stdout + done.stderr
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{written}\n{self.daemon.log[-4000:]}"
        return written if code else done.stdout

    def schema_of(self, path: str, method: str) -> Any:
        """Give the schema that the API's document has of a call's answer."""
        schema = self.document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
        return {**schema, "components": self.document["components"]}


def trade_before(state: Path) -> None:
    """Fill a state folder with weeks of trading, so that something is held whether or not an exchange is open."""
    state.mkdir(parents=True)
    desk = open_desk(state)
    for _ in desk.steps(moments()):
        if (
            len(desk.engine.portfolio.positions) > 3
            and not desk.engine.portfolio.pending
            and desk.ledger.trades(1)
        ):
            break
    else:
        raise AssertionError("nothing was held and closed in these weeks")
    desk.close()
    (state / "paper.sqlite").rename(state / "paper_broker.sqlite")
    shutil.copytree(models().name, state / "models")


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    folder, state = own_settings(tmp_path_factory.mktemp("config")), tmp_path_factory.mktemp("cli") / "state"
    trade_before(state)
    with Process(state, folder) as daemon:
        daemon.wait_idle()
        yield CommandLine(daemon)
