"""Starts the daemon (or another child) for a measurement, and asks it things."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).parents[1]
READY_SECONDS_MAX = 120.0
TRAINED_SECONDS_MAX = 600.0
STOP_SECONDS_MAX = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str, method: str = "GET", timeout_seconds: float = 10.0) -> tuple[int, bytes]:
    """Ask once; status 0 when nobody listens."""
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except ConnectionError:
        return 0, b""
    finally:
        connection.close()


def wait_until(done: Callable[[], bool], seconds_max: float, pause_seconds: float = 0.005) -> None:
    limit = time.perf_counter() + seconds_max
    while not done():
        if time.perf_counter() > limit:
            raise TimeoutError(f"not done within {seconds_max} s")
        time.sleep(pause_seconds)


class Child:
    """A child process that ends with the block."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str]) -> None:
        self._command = list(command)
        self._environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}

    def __enter__(self) -> Child:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            self._command, cwd=ROOT, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    @property
    def resident_mb(self) -> float:
        """Resident memory, from /proc."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    @property
    def peak_mb(self) -> float:
        """The most that was ever resident, from /proc."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


UNDER_SETTINGS = "import pathlib, sys, server; server.leave(server.main(pathlib.Path(sys.argv[1])))"


class Daemon(Child):
    """`python server.py` on a free port, with its own state folder, under these settings or the committed."""

    def __init__(self, state: Path, provider: str = "simulated", settings: Path | None = None) -> None:
        self.port = free_port()
        super().__init__(
            [sys.executable, "-c", UNDER_SETTINGS, str(settings or ROOT / "config")],
            {"DATA_PROVIDER": provider, "STATE_DIR": str(state), "TRADING_PORT": str(self.port)},
        )

    def __enter__(self) -> Daemon:
        super().__enter__()
        return self

    def answers(self, path: str) -> bool:
        return get(self.port, path)[0] == 200

    def wait_idle(self) -> None:
        """Wait until it is ready and the first training of a fresh start is over."""
        wait_until(lambda: self.answers("/ready"), READY_SECONDS_MAX, 0.1)
        wait_until(self._is_idle, TRAINED_SECONDS_MAX, 0.2)

    def _is_idle(self) -> bool:
        status, body = get(self.port, "/jobs")
        return status == 200 and all(job["status"] != "running" for job in json.loads(body)["jobs"])
