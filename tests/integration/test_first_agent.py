"""From a fresh copy of the project to an own agent's line: three commands, and no file of ours edited."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from tests.servers.daemon import OURS, ROOT, SMALL_MODELS, free_port

SECONDS_MAX = 120.0


def fresh_copy(to: Path) -> Path:
    """Copy what git knows of."""
    known = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    for name in filter(None, known.split("\0")):
        source, target = ROOT / name, to / name
        if source.is_file() and not name.startswith(("tests/", "docs/pictures")):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return to


def command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli", *arguments]


def environment(home: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    ours = {"DATA_PROVIDER": "simulated", "TRADING_PORT": str(port), "STATE_DIR": str(home / "state")}
    return {**kept, **ours, "PYTHONPATH": str(home), "OMP_NUM_THREADS": "1"}


def answer(port: int, path: str, method: str = "GET") -> dict[str, object]:
    until = time.monotonic() + SECONDS_MAX
    while True:
        try:
            got = httpx.request(method, f"http://127.0.0.1:{port}{path}", timeout=SECONDS_MAX)
            if got.is_success:
                return dict(got.json())
        except httpx.TransportError:
            pass
        assert time.monotonic() < until, f"{method} {path} was never answered"
        time.sleep(0.2)


def test_three_commands_bring_an_agent_of_ones_own_to_its_line(tmp_path: Path) -> None:
    home, port = fresh_copy(tmp_path / "engine"), free_port()
    (home / "config/trading.json").write_text(json.dumps(SMALL_MODELS))  # small models: for the test's time alone
    variables = environment(home, port)

    def run(*arguments: str) -> Sequence[str]:
        done = subprocess.run(
            command(home, *arguments), cwd=home, env=variables, capture_output=True, text=True,
            timeout=SECONDS_MAX, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout.splitlines()

    assert any("user/agents/mine.py" in line for line in run("new", "agent", "mine"))
    with subprocess.Popen(command(home, "run"), cwd=home, env=variables, stderr=subprocess.DEVNULL) as daemon:
        try:
            answer(port, "/ready")
            board = run("scoreboard")
            run("decide")
            status = answer(port, "/status")["agents"]
            decided = answer(port, "/decide/v3", "POST")["decisions"]
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(SECONDS_MAX)
    assert isinstance(status, dict)
    assert status["mine"] == {
        "origin": str(home / "user/agents/mine.py"),
        "version": status["mine"]["version"],
        "weight": 0.0,
        "abstains": "",
        "look_ahead_check": status["mine"]["look_ahead_check"],
    }
    assert isinstance(decided, list)
    assert any(vote["agent"] == "mine" for one in decided for vote in one["votes"])
    (line,) = [line.split() for line in board if line.split()[:1] == ["mine"]]
    assert line[1:4] == ["0.00", "no", "0"], board  # weight, counts, sessions
    listed = [line.split() for line in run("plugins")]
    assert ["agents", "mine"] in [line[:2] for line in listed]
