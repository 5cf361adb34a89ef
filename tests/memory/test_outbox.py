"""The outbox under a server that comes, goes, forgets and is killed: the ledger's rows arrive, each once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.ledger import SqliteLedger
from adapters.memory.outbox import Outbox
from adapters.memory.sqlite_store import SqliteGraphStore
from adapters.memory.step_gate import YieldGate
from config.environment import OrderRoute
from config.memory import MemorySettings
from tests.default_universe import SECTOR_OF
from tests.graph_counts import counts, expected
from tests.ledger_days import Days
from tests.memory.conftest import store_at
from tests.memory.ledgers import ALL, dump, ledger_of, some_days
from tests.servers.bolt import PASSWORD, USER, GraphServer

ROOT = Path(__file__).parents[2]
FAST = MemorySettings(page_steps=40, look_seconds=0.02, timeout_seconds=10.0)
SECONDS_MAX = 60.0
KILLS = int(os.environ.get("MEMORY_KILLS", "2"))
DAYS_A_KILL = 1
WRITER = """
import sys
from tests.memory.test_outbox import carry_for_ever
carry_for_ever(sys.argv[1], sys.argv[2])
"""


def wait(done: Callable[[], bool], outbox: Outbox | None = None, every_seconds: float = 0.01) -> None:
    limit = time.monotonic() + SECONDS_MAX
    while not done():
        assert time.monotonic() < limit, outbox.fault if outbox else "it did not happen in time"
        time.sleep(every_seconds)


def stop(outbox: Outbox) -> None:
    outbox.begin_stop()
    outbox.wait_stopped()


def follows(outbox: Outbox, ledger: SqliteLedger) -> Callable[[], bool]:
    return lambda: not outbox.fault and outbox.written == ledger.last_step()


def test_it_catches_up_and_then_carries_what_comes(tmp_path: Path) -> None:
    steps = list(Days(trades_a_day=4).steps(3))
    ledger = ledger_of(steps[:200])
    outbox = Outbox(ledger, SqliteGraphStore(tmp_path / "memory.sqlite"), FAST, YieldGate(), SECTOR_OF)
    outbox.start()
    wait(follows(outbox, ledger), outbox)
    for report in steps[200:]:
        ledger.record(report)
        outbox.follow()
    wait(follows(outbox, ledger), outbox)
    stop(outbox)
    store = SqliteGraphStore(tmp_path / "memory.sqlite")
    assert asyncio.run(counts(store)) == expected(ledger)

    other = Outbox(ledger, SqliteGraphStore(tmp_path / "other.sqlite"), FAST, YieldGate(), SECTOR_OF)
    other.start()
    wait(follows(other, ledger), other)
    stop(other)
    assert dump(store) == dump(SqliteGraphStore(tmp_path / "other.sqlite"))


def test_nothing_is_written_while_a_step_runs_and_all_of_it_after(tmp_path: Path) -> None:
    steps = list(Days(trades_a_day=4).steps(2))
    ledger, gate = ledger_of(steps[:100]), YieldGate()
    outbox = Outbox(ledger, SqliteGraphStore(tmp_path / "memory.sqlite"), FAST, gate, SECTOR_OF)
    outbox.start()
    wait(follows(outbox, ledger), outbox)
    with gate.shut():
        for report in steps[100:]:
            ledger.record(report)
        outbox.follow()
        time.sleep(20 * FAST.look_seconds)
        assert outbox.written == 100
    wait(follows(outbox, ledger), outbox)
    stop(outbox)


def test_a_step_that_never_ends_does_not_hold_the_writer_for_ever(tmp_path: Path) -> None:
    ledger, gate = some_days(2), YieldGate()
    outbox = Outbox(ledger, SqliteGraphStore(tmp_path / "memory.sqlite"), FAST, gate, SECTOR_OF)
    with gate.shut():
        outbox.start()
        wait(follows(outbox, ledger), outbox)
    stop(outbox)


def test_an_older_ledger_put_back_is_named_and_the_memory_left_alone(tmp_path: Path) -> None:
    steps = list(Days(trades_a_day=4).steps(2))
    for number, until in enumerate((len(steps), len(steps) // 2)):
        ledger = ledger_of(steps[:until])
        outbox = Outbox(ledger, SqliteGraphStore(tmp_path / "memory.sqlite"), FAST, YieldGate(), SECTOR_OF)
        outbox.start()
        if number == 0:
            wait(follows(outbox, ledger), outbox)
        else:
            wait(lambda: "An older ledger was put back" in outbox.fault)  # noqa: B023  # waited for within
        stop(outbox)
    store = SqliteGraphStore(tmp_path / "memory.sqlite")
    assert asyncio.run(counts(store)) == expected(ledger_of(steps))


def test_a_graph_that_was_wiped_is_written_again(graph_server: GraphServer) -> None:
    ledger = some_days(2)
    outbox = Outbox(ledger, store_at(graph_server), FAST, YieldGate(), SECTOR_OF)
    outbox.start()
    wait(follows(outbox, ledger), outbox)

    async def wipe() -> None:
        store = store_at(graph_server)
        await store._ask("MATCH (n) DETACH DELETE n", {})
        await store.close()

    asyncio.run(wipe())
    for report in list(Days(trades_a_day=4).steps(3))[-20:]:
        ledger.record(report)
        outbox.follow()
    wait(lambda: bool(outbox.fault))
    wait(follows(outbox, ledger), outbox)
    stop(outbox)
    assert asyncio.run(counted(graph_server)) == expected(ledger)


async def counted(server: GraphServer) -> dict[str, int]:
    store = store_at(server)
    try:
        return await counts(store)
    finally:
        await store.close()


def carry_for_ever(path: str, uri: str) -> None:
    """Follow a ledger in a process of its own, saying so once it has begun."""
    from adapters.memory.neo4j_store import Neo4jStore

    ledger = SqliteLedger(Path(path), route=OrderRoute.DRY_RUN)
    outbox = Outbox(ledger, Neo4jStore(uri, USER, PASSWORD, FAST), FAST, YieldGate(), SECTOR_OF)
    outbox.start()
    print("begun", flush=True)
    while True:
        outbox.follow()
        time.sleep(0.05)


class Writer:
    """The outbox in a process of its own."""

    def __init__(self, path: Path, uri: str) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), uri], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        )  # fmt: skip
        assert self._child.stdout is not None
        assert self._child.stdout.readline() == "begun\n"

    def kill(self) -> None:
        self._child.send_signal(signal.SIGKILL)
        self._child.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_no_kill_of_writer_or_server_loses_or_doubles_a_row(graph_server: GraphServer, tmp_path: Path) -> None:
    """Kills at random moments, turn about; `make chaos-memory` does 20 of them."""
    dice, server, path = random.Random(20240102), graph_server, tmp_path / "ledger.sqlite"
    days = Days(trades_a_day=4)
    ledger = ledger_of(days.steps(2), path)
    mid_way, writer = 0, Writer(path, server.uri)
    try:
        for number in range(KILLS):
            for report in days.steps(DAYS_A_KILL):
                ledger.record(report)
            time.sleep(dice.uniform(0.05, 0.6))
            if number % 2:
                server.kill()
                server.start()
            else:
                writer.kill()
                writer = Writer(path, server.uri)
            after = asyncio.run(place(server))
            mid_way += after < ledger.last_step()
        wait(lambda: asyncio.run(place(server)) == ledger.last_step(), every_seconds=0.1)
        assert asyncio.run(counted(server)) == expected(ledger)
        assert mid_way >= KILLS // 4
        assert len(ledger.fills(ALL)) > 10
    finally:
        writer.kill()


async def place(server: GraphServer) -> int:
    store = store_at(server)
    try:
        return await store.place_in_ledger()
    finally:
        await store.close()
