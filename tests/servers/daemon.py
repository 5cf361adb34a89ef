"""`python server.py` as a child: its exit code, its log, its answers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from config.loader import FOLDER
from tests.servers.forked import POSSIBLE, ForkedDaemon

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 90.0
SMALL_MODELS: dict[str, dict[str, Any]] = {
    "quant": {"n_estimators": 20, "calibration_folds": 2},
    "regime": {"restarts": 1},
    "rl": {"timesteps": 1_000, "seeds": 1, "tickers_max": 3},
    "ensemble": {"models": ["a2c"]},
}
WITH_SETTINGS = """
import gc, sys
from pathlib import Path
gc.disable()  # a second of imports, of which nothing is garbage
import server
gc.enable()
server.leave(server.main(Path(sys.argv[1])))
"""
STATE = "state"
MODELS = ("models", "cache")
"""Of a state, the folders of what was trained; the ledger and the books are beside them."""
HTTP_ONLY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""A client's `verify` where no address is https: httpx reads all certificates anew for each client otherwise."""
OURS = ("ALPACA_", "TRADING_", "NEO4J_", "LIVE_", "ENABLE_CRON", "DATA_PROVIDER", "STATE_DIR")


def own_settings(folder: Path) -> Path:
    """Copy the committed defaults into a folder, with small models."""
    for file in FOLDER.glob("*.default.json"):
        shutil.copy(file, folder)
    shutil.copytree(FOLDER / "profiles", folder / "profiles")
    (folder / "trading.json").write_text(json.dumps(SMALL_MODELS))
    return folder


def with_models(trained_state: Path, state: Path) -> Path:
    """Give a state a ranker of the simulated market, so that its daemon's first start trains none."""
    for name in MODELS:
        shutil.copytree(trained_state / name, state / name)
    return state


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Child = subprocess.Popen[bytes] | ForkedDaemon


class Process:
    """The daemon as a child process.

    Parameters
    ----------
    settings : Path or None
        A configuration folder of the test's own, for a forked daemon; None runs `python server.py` as it is.

    Attributes
    ----------
    stdin : int or None
        What the child reads, as `subprocess` has it; None is what the test reads.
    redirection : str
        What a shell makes of the child's output, such as `2>&-`.
    """

    stdin: int | None = None
    redirection: str = ""

    def __init__(self, state: Path, settings: Path | None = None, **variables: str) -> None:
        asked = variables.get("TRADING_PORT", "")
        self.port = int(asked) if asked.isascii() and asked.isdigit() else free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        ours = {"STATE_DIR": str(state), "TRADING_PORT": str(self.port), "DATA_PROVIDER": "simulated"}
        self.state = state
        self._log_path = state.parent / f"{state.name}-{self.port}-{time.monotonic_ns()}.log"
        environment = {**kept, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **ours, **variables}
        self.child = self._started(settings, environment)
        address = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=address, timeout=SECONDS_MAX, verify=HTTP_ONLY)

    def _started(self, settings: Path | None, environment: Mapping[str, str]) -> Child:
        if settings is not None and POSSIBLE and self.stdin is None and not self.redirection:
            return ForkedDaemon(settings, self._log_path, environment)
        command = ["server.py"] if settings is None else ["-c", WITH_SETTINGS, str(settings)]
        with self._log_path.open("wb") as log:
            return subprocess.Popen(
                self._redirected([sys.executable, *command]), cwd=ROOT, stdin=self.stdin, stdout=log, stderr=log,
                env=environment,
            )  # fmt: skip

    def _redirected(self, command: list[str]) -> list[str]:
        return ["sh", "-c", f'exec "$@" {self.redirection}', "sh", *command] if self.redirection else command

    @property
    def log(self) -> str:
        return self._log_path.read_text(errors="replace")

    def events(self, name: str) -> list[Mapping[str, Any]]:
        """Give the log's structured lines of one event."""
        lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == name]

    def answer(self, path: str, method: str = "GET", **asked: Any) -> Any:
        """Give the JSON of an answer that must be 2xx."""
        got = self.http.request(method, path, **asked)
        assert got.is_success, f"{method} {path}: {got.status_code} {got.text}\n{self.log}"
        return got.json()

    def wait(self, done: Callable[[], bool]) -> None:
        limit = time.monotonic() + SECONDS_MAX
        while not done():
            assert self.child.poll() is None, f"it ended with {self.child.returncode}:\n{self.log}"
            assert time.monotonic() < limit, f"still not done:\n{self.log}"
            time.sleep(0.1)

    def wait_alive(self) -> None:
        self.wait(lambda: self.status_code("/health") == 200)

    def wait_ready(self) -> None:
        self.wait(lambda: self.status_code("/ready") == 200)

    def wait_idle(self) -> None:
        """Wait until it is ready and no job runs."""
        self.wait_ready()
        self.wait(lambda: all(job["status"] != "running" for job in self.answer("/jobs")["jobs"]))

    def status_code(self, path: str) -> int:
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return 0

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; give the exit code and the seconds it took."""
        began = time.monotonic()
        self.child.send_signal(number)
        code = self.child.wait(SECONDS_MAX)
        return code, time.monotonic() - began

    def ended(self) -> int:
        """Give the exit code of a child that ends by itself."""
        return self.child.wait(SECONDS_MAX)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


def trained(folder: Path) -> None:
    """Let a daemon train, decide and stop; its state is in `STATE` of the folder."""
    settings = folder / "settings"
    settings.mkdir()
    with Process(folder / STATE, own_settings(settings)) as process:
        process.wait_idle()
        process.answer("/decide", "POST")
        assert process.end()[0] == 0, process.log
