"""Restart to `/ready` with 100,000 rows in the ledger, beside a restart of the same state with an empty one.

The rows are copies of what a real run wrote: 70,000 steps (every fourth a full decision, the others risk checks,
as a day of both jobs has them), 15,000 orders and 15,000 fills. The restarts take turns. Prints one JSON line.

    python benchmarks/bench_restart.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import READY_SECONDS_MAX, Daemon, get, wait_until

STEPS, ORDERS, FILLS, DECIDE_EVERY = 70_000, 15_000, 15_000, 4
EXTRA_SECONDS_MAX = 2.0
FOLLOW_SECONDS_MAX = 1800.0
COUNT = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {count})"
COPY_STEPS = """
    INSERT INTO steps (decision_id, cycle, as_of, report)
    SELECT s.decision_id || '-' || n, s.cycle, s.as_of, s.report FROM c, steps s
    WHERE s.sequence = CASE n % {every} WHEN 0 THEN {decide} ELSE {check} END ORDER BY n
"""
COPY_TRADING_STEPS = """
    INSERT INTO trading_steps SELECT sequence FROM steps WHERE sequence > {first} AND sequence % 10 = 0
"""
COPY_ORDERS = """
    INSERT INTO orders (client_order_id, decision_id, symbol, side, quantity, reference_price, rule, status,
        reason, route, created_at, updated_at)
    SELECT 'order-' || n, 'decision-' || n, 'AAPL', CASE n % 2 WHEN 1 THEN 'buy' ELSE 'sell' END, '10', '100.0',
        'score', 'filled', '', 'built-in paper broker', as_of, as_of FROM c, book
"""
COPY_FILLS = """
    INSERT INTO fills (fill_id, client_order_id, symbol, side, quantity, price, fee, at, rule)
    SELECT 'fill-' || n, 'order-' || n, 'AAPL', CASE n % 2 WHEN 1 THEN 'buy' ELSE 'sell' END, '10', '100.0', '0',
        as_of, 'score' FROM c, book
"""


def first_run(state: Path) -> None:
    """Train, decide and check once, so that there is a model and a row of each kind."""
    with Daemon(state) as daemon:
        daemon.wait_idle()
        for path in ("/decide/v3", "/risk/check"):
            status, body = get(daemon.port, path, "POST", 60)
            assert status == 200, body


def fill(ledger: Path) -> int:
    """Copy rows until there are 100,000; give the file's size in bytes."""
    with sqlite3.connect(ledger) as database:
        newest = dict(database.execute("SELECT cycle, max(sequence) FROM steps GROUP BY cycle").fetchall())
        steps = COPY_STEPS.format(every=DECIDE_EVERY, decide=newest["decide"], check=newest["risk_check"])
        database.execute(f"{COUNT.format(count=STEPS)} {steps}")
        database.execute(COPY_TRADING_STEPS.format(first=max(newest.values())))
        database.execute(f"{COUNT.format(count=ORDERS)} {COPY_ORDERS}")
        database.execute(f"{COUNT.format(count=FILLS)} {COPY_FILLS}")
        tables = ("steps", "orders", "fills")
        rows = sum(database.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in tables)
        assert rows >= STEPS + ORDERS + FILLS, rows
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    database.close()
    return ledger.stat().st_size


def follow(state: Path) -> None:
    """Let the memory follow the copied rows, as it had followed a real run's."""
    with Daemon(state) as daemon:
        wait_until(lambda: daemon.answers("/ready"), READY_SECONDS_MAX)
        wait_until(lambda: _follows(daemon), FOLLOW_SECONDS_MAX, 1.0)


def _follows(daemon: Daemon) -> bool:
    stores = json.loads(get(daemon.port, "/status", timeout_seconds=60)[1])["memory"]["graph"]
    return bool(stores) and all(store["state"] == "follows the ledger" for store in stores.values())


def seconds_to_ready(state: Path) -> float:
    with Daemon(state) as daemon:
        wait_until(lambda: daemon.answers("/ready"), READY_SECONDS_MAX)
        return time.perf_counter() - daemon.started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        full, empty = Path(folder) / "full", Path(folder) / "empty"
        first_run(full)
        shutil.copytree(full, empty)
        for file in empty.glob("ledger.sqlite*"):
            file.unlink()
        size = fill(full / "ledger.sqlite")
        follow(full)
        taken: dict[Path, list[float]] = {full: [], empty: []}
        for _ in range(rounds):
            for state, seconds in taken.items():
                seconds.append(seconds_to_ready(state))
    extra = statistics.median(a - b for a, b in zip(taken[full], taken[empty], strict=True))
    print(
        json.dumps(
            {
                "bench": "restart",
                "rows": STEPS + ORDERS + FILLS,
                "ledger_mb": round(size / 2**20, 1),
                "ready_seconds": round(statistics.median(taken[full]), 2),
                "ready_seconds_empty": round(statistics.median(taken[empty]), 2),
                "extra_seconds": round(extra, 2),
                "extra_seconds_max": EXTRA_SECONDS_MAX,
                "load": round(os.getloadavg()[0], 2),
                "reached": extra <= EXTRA_SECONDS_MAX,
            }
        )
    )


if __name__ == "__main__":
    main()
