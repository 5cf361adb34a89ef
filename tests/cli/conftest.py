"""The command line beside a real daemon: as a process, and in this one, where a process would say no more."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from cli.app import main
from tests.servers.daemon import OURS, ROOT, STATE, Process, own_settings
from tests.servers.once import made_once
from tests.simulation.desk import models, moments, open_desk

SECONDS_MAX = 300.0


def begin(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    """Start `trading-engine ARGUMENTS` in an environment of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments], cwd=ROOT, env=environment(variables),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def wait_for_answer(child: subprocess.Popen[str], port: int) -> None:
    """Wait until a daemon that was begun answers /health."""
    limit = time.monotonic() + SECONDS_MAX
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        while True:
            assert child.poll() is None, "it ended"
            assert time.monotonic() < limit, "it does not answer"
            try:
                client.get("/health")
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return


def run(*arguments: str, asked: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `trading-engine ARGUMENTS` in an environment of its own; `asked` is what a person types."""
    return subprocess.run(
        [sys.executable, "-m", "cli", *arguments], cwd=ROOT, env=environment(variables), input=asked,
        capture_output=True, text=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip


def run_here(*arguments: str, asked: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `trading-engine ARGUMENTS` as `run` does, without half a second of imports."""
    out, err = StringIO(), StringIO()
    with (
        patch.dict(os.environ, environment(variables), clear=True),
        patch.object(sys, "argv", ["trading-engine", *arguments]),
        patch.object(sys, "stdin", StringIO(asked)),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            code = main()
        except SystemExit as left:
            assert left.code is None or isinstance(left.code, int), left.code
            code = left.code or 0
    return subprocess.CompletedProcess([*arguments], code, out.getvalue(), err.getvalue())


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Give this process's environment without what is ours, and these variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)} | {**variables}


Start = Callable[..., subprocess.CompletedProcess[str]]


class CommandLine:
    """`trading-engine` for one daemon."""

    def __init__(self, daemon: Process) -> None:
        self.daemon = daemon
        self.variables = {"TRADING_PORT": str(daemon.port)}
        self.document = daemon.answer("/openapi.json")

    def __call__(self, *arguments: str, asked: str = "", code: int = 0, start: Start = run_here) -> str:
        """Give what a command that ends with this code wrote; its errors too, where it is to fail."""
        done = start(*arguments, asked=asked, **self.variables)
        written = done.stdout + done.stderr
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{written}\n{self.daemon.log[-4000:]}"
        return written if code else done.stdout

    def schema_of(self, path: str, method: str) -> Any:
        """Give the schema that the API's document has of a call's answer."""
        schema = self.document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
        return {**schema, "components": self.document["components"]}


def trade_before(folder: Path) -> None:
    """Fill a state with weeks of trading, so that something is held whether or not an exchange is open."""
    state = folder / STATE
    state.mkdir()
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
def command(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[CommandLine]:
    folder, state = own_settings(tmp_path_factory.mktemp("config")), tmp_path_factory.mktemp("cli") / STATE
    shutil.copytree(made_once("traded", trade_before, tmp_path_factory, worker_id) / STATE, state)
    with Process(state, folder) as daemon:
        daemon.wait_idle()
        yield CommandLine(daemon)
