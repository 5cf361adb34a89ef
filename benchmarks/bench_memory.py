"""The graph rebuilt from a ledger of 100,000 rows, against a server that speaks Bolt (ArcadeDB, on this machine).

The made-up ledger is as dense in trades as the limits allow: each day 26 decisions, 78 risk checks, 20 orders and
20 fills. Every row is then looked for in the graph: none may be missing or doubled.
Prints one JSON line: seconds, rows, things written a second, the CPU seconds of writer and server (their
sum bounds the time on an idle machine: they take turns), and the machine's load before it.

    python benchmarks/bench_memory.py [--rows 100000] [--store neo4j|sqlite]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
SECONDS_MAX = 120.0
ROWS_A_DAY = 144


def write_ledger(path: Path, rows: int) -> None:
    from adapters.ledger import SqliteLedger
    from config.environment import OrderRoute
    from tests.ledger_days import Days

    ledger, written = SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN), 0
    for report in Days().steps(rows // ROWS_A_DAY + 2):
        ledger.record(report)
        written += 1 + len(report.plan.approved) + len(report.fills)
        if written >= rows:
            break
    ledger.close()


async def measure(store: Any, path: Path, page_steps: int) -> dict[str, Any]:
    from adapters.ledger import SqliteLedger
    from adapters.memory.outbox import rebuild
    from config.environment import OrderRoute
    from config.memory import MemorySettings
    from tests.graph_counts import counts, expected
    from tests.ledger_days import rows_of

    ledger = SqliteLedger(path, route=OrderRoute.DRY_RUN)
    began, cpu = time.perf_counter(), time.process_time()
    try:
        rows = await rebuild(ledger, store, MemorySettings(page_steps=page_steps), lambda _: None)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        found, wanted = await counts(store), expected(ledger)
        assert found == wanted, f"the graph has {found}, the ledger makes {wanted}"
        assert rows == rows_of(ledger)
    finally:
        await store.close()
        ledger.close()
    things = sum(found.values())
    return {
        "rows": rows, "seconds": round(seconds, 1), "writer_cpu_seconds": round(cpu_seconds, 1),
        "rows_a_second": round(rows / seconds), "things": things, "things_a_second": round(things / seconds),
        "missing_or_doubled": 0, "limit_seconds": SECONDS_MAX, "reached": seconds <= SECONDS_MAX,
    }  # fmt: skip


def main() -> None:
    from adapters.memory.neo4j_store import Neo4jStore
    from adapters.memory.sqlite_store import SqliteGraphStore
    from config.memory import MemorySettings
    from tests.servers.bolt import PASSWORD, USER, GraphServer

    wanted = argparse.ArgumentParser()
    wanted.add_argument("--rows", type=int, default=100_000)
    wanted.add_argument("--page-steps", type=int, default=MemorySettings().page_steps)
    wanted.add_argument("--store", choices=["neo4j", "sqlite"], default="neo4j")
    asked = wanted.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        path, server = Path(folder) / "ledger.sqlite", GraphServer(Path(folder))
        write_ledger(path, asked.rows)
        if asked.store == "neo4j":
            server.start()
            store: Any = Neo4jStore(server.uri, USER, PASSWORD, MemorySettings())
        else:
            store = SqliteGraphStore(Path(folder) / "memory.sqlite")
        try:
            made = asyncio.run(measure(store, path, asked.page_steps))
        finally:
            if asked.store == "neo4j":
                server.kill()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    made["server_cpu_seconds"] = round(spent.ru_utime + spent.ru_stime, 1)
    print(json.dumps({"name": f"memory_{asked.store}", "load_before": round(load, 2), **made}))


if __name__ == "__main__":
    main()
