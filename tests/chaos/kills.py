"""Where a process may end: before, inside and after everything it does to the outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from adapters.ledger.database import Cursor, Database, Survives
from core.schedule import LastRun, RunStore

POINTS = (
    "GET before", "GET after", "POST before", "POST after", "DELETE before", "DELETE after", "write before",
    "write within", "write after", "runs before", "runs after",
)  # fmt: skip


class Killed(BaseException):
    """The process ends here: no handler of the engine's may see it as an error."""


class NotStarted(Exception):
    """The broker cannot be asked, so the start goes on waiting."""


class Executioner:
    """Ends the process at an armed point; once dead it stays dead, whatever still tries to run.

    Attributes
    ----------
    passed : Counter
        How often each point was come by.
    """

    def __init__(self) -> None:
        self.passed: Counter[str] = Counter()
        self.dead = ""
        self._where, self._left = "", 0

    def arm(self, where: str, after: int) -> None:
        """End it at the `after`-th time (from 1) that a point is come by whose name begins with `where`."""
        self._where, self._left = where, after

    def at(self, point: str) -> None:
        """Come by a point."""
        if self.dead:
            raise Killed(self.dead)
        self.passed[point] += 1
        if self._left and point.startswith(self._where):
            self._left -= 1
            if not self._left:
                self.dead = point
                raise Killed(point)


class DeadlyAdapter(HTTPAdapter):
    """Asks over HTTP; the process may end before the request is sent and after it was answered, unseen."""

    def __init__(self, inner: Any, executioner: Executioner) -> None:
        super().__init__()
        self._inner, self._executioner = inner, executioner

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        # requests' own Session passes all of send's arguments by name
        self._executioner.at(f"{request.method} before")
        answer: requests.Response = self._inner.send(request, **kwargs)
        self._executioner.at(f"{request.method} after")
        return answer


class DeadlyDatabase(Database):
    """Writes; the process may end before, before the commit, and after it."""

    executioner: Executioner

    @contextmanager
    def transaction(self, survives: Survives) -> Iterator[Cursor]:
        self.executioner.at("write before")
        with super().transaction(survives) as cursor:
            yield cursor
            self.executioner.at("write within")
        self.executioner.at("write after")


class DeadlyRuns:
    """Keeps the jobs' last runs; the process may end before and after."""

    def __init__(self, inner: RunStore, executioner: Executioner) -> None:
        self._inner, self._executioner = inner, executioner

    def load(self) -> Mapping[str, LastRun]:
        return self._inner.load()

    def save(self, runs: Mapping[str, LastRun]) -> None:
        self._executioner.at("runs before")
        self._inner.save(runs)
        self._executioner.at("runs after")
