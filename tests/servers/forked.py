"""Daemons forked from a process that has imported what a daemon imports, which takes two seconds each time.

From the fork on it is the daemon that `server.main` makes of its settings and variables, in a process of its own.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
POSSIBLE = hasattr(os, "pidfd_open")
PROGRAM = """
from tests.servers.forked import import_all, settings_of_a_fork
import_all()
import server
server.leave(server.main(settings_of_a_fork()))
"""


class ForkedDaemon:
    """A forked daemon, as `subprocess.Popen` has a child."""

    stdin = None

    def __init__(self, settings: Path, log: Path, variables: Mapping[str, str]) -> None:
        asked = {"settings": str(settings), "log": str(log), "variables": dict(variables)}
        self.pid = int(_parent().answer(asked))
        self.returncode: int | None = None
        self._ended = os.pidfd_open(self.pid)

    def poll(self) -> int | None:
        """Give the exit code; None while it runs."""
        if self.returncode is None and select.select([self._ended], [], [], 0)[0]:
            self.returncode = int(_parent().answer({"ended": self.pid}))
            os.close(self._ended)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended; give the exit code."""
        if self.returncode is None and not select.select([self._ended], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired("a forked daemon", timeout or 0.0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Parent:
    """The process that forks; it ends with this one."""

    def __init__(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self._one = threading.Lock()
        atexit.register(self._child.communicate)

    def answer(self, asked: Mapping[str, Any]) -> str:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with self._one:
            self._child.stdin.write(json.dumps(asked) + "\n")
            self._child.stdin.flush()
            return self._child.stdout.readline()


@cache
def _parent() -> _Parent:
    return _Parent()


def import_all() -> None:
    """Import what a daemon has imported once it has decided, and ask for the sessions of its history."""
    gc.disable()
    import hmmlearn.hmm
    import scipy.optimize
    import scipy.stats
    import sklearn.metrics
    import xgboost

    import models.ranker.registry
    import server
    from adapters.calendar import NyseCalendar

    del hmmlearn, scipy, sklearn, xgboost, models, server
    calendar, today = NyseCalendar(), datetime.now(UTC)
    calendar.last_closed_session(today)
    calendar.sessions(today.date() - timedelta(days=365 * 5), today.date())
    gc.enable()
    gc.freeze()


def settings_of_a_fork() -> Path:
    """Fork for each line that asks for it; return in the fork, with the folder of its settings."""
    assert threading.active_count() == 1, "a fork has the thread that forks, and no other"
    while line := sys.stdin.readline():
        asked = json.loads(line)
        if "ended" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["ended"], 0)[1])
        elif not (answer := os.fork()):
            _become(Path(asked["log"]), asked["variables"])
            return Path(asked["settings"])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    sys.exit(0)


def _become(log: Path, variables: Mapping[str, str]) -> None:
    """Read nothing, write into the log, and have these variables."""
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, into in ((0, nothing), (1, written), (2, written)):
        os.dup2(into, number)
    os.close(written)
    os.close(nothing)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
