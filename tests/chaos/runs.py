"""One run: a broker, an engine on an empty state directory, a week, and the verdict."""

from __future__ import annotations

import gc
import json
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.child import ChildHost
from tests.chaos.hosts import HereHost
from tests.chaos.pump import pumped
from tests.chaos.stand_in import BEFORE, broker_process
from tests.chaos.verdict import broken_laws, idle
from tests.chaos.week import Week
from tests.chaos.world import World
from tests.servers.alpaca_broker import AlpacaBroker, BrokerAdmin
from tests.servers.local_http import Answer, Asked

LATENCY_MS_MAX = 4


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a run.

    Attributes
    ----------
    broken : tuple of str
        Every law that does not hold.
    idle : tuple of str
        What did not happen in it, so that its laws prove less than they should; another week runs in its place.
    """

    seed: int
    processes: bool
    broken: tuple[str, ...]
    idle: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)


class NearAdmin:
    """The admin calls of a broker in this process, without the way over HTTP."""

    def __init__(self, broker: AlpacaBroker) -> None:
        self._broker = broker

    def book(self) -> Any:
        return self._asked("GET", "book", {})

    def conformance(self) -> Any:
        return self._asked("GET", "conformance", {})

    def call(self, name: str, **values: Any) -> Any:
        return self._asked("POST", name, values)

    def _asked(self, method: str, name: str, values: Mapping[str, Any]) -> Any:
        body = json.dumps(values).encode()
        asked = Asked(method=method, path=f"/admin/{name}", query={}, headers={}, body=body)
        answer = self._broker.answer(asked)
        assert isinstance(answer, Answer)
        assert answer.status == 200, f"{name}: {answer.body}"
        return answer.body


@contextmanager
def dropped_quietly() -> Iterator[None]:
    """Let a dead engine's sockets be closed by the garbage collector, as the system closes a dead process's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            yield
        finally:
            gc.collect()


def state_folder() -> tempfile.TemporaryDirectory[str]:
    """Give an empty state directory, in memory where the system has such a folder.

    A kill of the process leaves its files as they are in either; only a power cut tells them apart.
    """
    memory = Path("/dev/shm")  # noqa: S108  a folder of our own is made in it
    return tempfile.TemporaryDirectory(prefix="chaos-", dir=memory if memory.is_dir() else None)


@dropped_quietly()
def run_here(seed: int, sessions: int) -> Outcome:
    """Run a week in this process, with simulated kills."""
    began = time.perf_counter()
    broker = AlpacaBroker(seed=seed, now=BEFORE)
    with state_folder() as folder, pumped(broker) as pump:
        home = Path(folder)
        world = World(seed, NearAdmin(broker), latency_ms_max=0)
        week = Week(seed=seed, world=world, sessions=sessions, host=HereHost(home, pump, seed, world.market))
        return judged(week, home, processes=False, began=began)


def run_processes(seed: int, sessions: int) -> Outcome:
    """Run a week with the broker and the engine in processes of their own; the engine's meets SIGKILL."""
    began = time.perf_counter()
    with state_folder() as folder, broker_process(seed) as url, closing(BrokerAdmin(url)) as admin:
        home = Path(folder)
        world = World(seed, admin, latency_ms_max=LATENCY_MS_MAX)
        host = ChildHost(home, url, seed, world.market)
        try:
            return judged(
                Week(seed=seed, world=world, sessions=sessions, host=host), home, processes=True, began=began
            )
        finally:
            host.drop()


def judged(week: Week, home: Path, *, processes: bool, began: float) -> Outcome:
    """Live through a week, then compare the books."""
    broken: list[str] = []
    try:
        week.live()
    except Exception as failure:  # noqa: BLE001  # whatever ends a week early is its verdict
        broken.append(f"{type(failure).__name__}: {failure}")
    book = week.world.admin.book()
    if not broken:
        broken = [*week.bare.broken, *broken_laws(home, book)]
    held = week.world.admin.conformance()
    broken += [
        f"not as Alpaca's document has it ({count} times): {what}" for what, count in held["faults"].items()
    ]
    figures = _figures(week, book, began) | {"compared": held["compared"].get("requests", 0)}
    lacks = tuple(idle(book, week.kills.total(), week.world.came.total()))
    if broken:
        figures["kept"] = str(_kept(home, book, week.seed))
    return Outcome(seed=week.seed, processes=processes, broken=tuple(broken), idle=lacks, figures=figures)


def _kept(home: Path, book: Any, seed: int) -> Path:
    """Keep the state directory and the broker's book of a week that breaks a law: few come twice the same."""
    kept = Path(tempfile.gettempdir()) / f"chaos-broken-{seed}"
    shutil.copytree(home, kept, dirs_exist_ok=True)
    (kept / "book.json").write_text(json.dumps(book), "utf-8")
    return kept


def _figures(week: Week, book: Any, began: float) -> dict[str, Any]:
    sides = [row["side"] for row in book["fills"]]
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "moments": week.moments,
        "cycles_watched": week.bare.cycles,
        "orders": len(book["orders"]),
        "buys": sides.count("buy"),
        "sells": sides.count("sell"),
        "kills": week.kills.total(),
        "killed_at": dict(week.kills),
        "resumes": week.resumes,
        "flattens": dict(week.flattens),
        "faults": sum(book["faults_drawn"].values()),
        "came": dict(week.world.came),
    }
