"""What a year of letters and a start over a long ledger cost, with the default five shadow books.

Each session the daemon's own service decides at the open and checks each hour on the simulated market; after the
close the session's letter is written. Then every ledger gets its own rows again, as those of years before, until
there are so many, and the daemon is started over them with the books and without, in turns: the best of each.
Prints one JSON line, in seconds of processor time.

    python benchmarks/letters.py [--sessions 252] [--rows 100000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.service import ready_daemon, sessions_between, settings_folder
from core.cycles import DECIDE_AND_SEND, RISK_CHECK
from core.types import TradingState

LAST = date(2025, 2, 28)
HOUR, LATER = timedelta(hours=1), timedelta(minutes=20)
SECONDS_MAX, START_MORE_SECONDS_MAX = 60.0, 2.0
EAGER: dict[str, Any] = {"synthesizer": {"buy_score_min": 0.0}}
STARTS, LEAP_YEARS = 3, 4
COPIED = ("trading_steps", "steps", "orders", "fills")  # the first are numbered as the second were
IDS = ("decision_id", "client_order_id", "fill_id")
TIMES = ("as_of", "at", "created_at", "updated_at")
BOOKS, NO_BOOKS = {"without_agents": False}, {"profiles": [], "without_agents": False}


async def letters(state: Path, settings: Path, sessions: int) -> tuple[float, float]:
    """Live through the sessions; return the processor seconds their letters took, and the longest of them."""
    listed = sessions_between(LAST - timedelta(days=2 * sessions), LAST)[-sessions:]
    took = []
    async with ready_daemon(state, listed[0][0], settings) as (daemon, clock):
        for opens_at, closes_at in listed:
            at, cycle = opens_at + LATER, DECIDE_AND_SEND
            while at < closes_at:
                clock.set(at)
                report = await daemon.service.step(cycle)
                if report.plan.state is not TradingState.ACTIVE:
                    await daemon.service.resume()
                at, cycle = at + HOUR, RISK_CHECK
            clock.set(closes_at + LATER)
            began = time.process_time()
            daemon.letters.write_letter()
            took.append(time.process_time() - began)
    return sum(took), max(took)


async def start_seconds(state: Path, settings: Path) -> float:
    """Return the processor time from the start until the first step is over, which opens the books."""
    began = time.process_time()
    async with ready_daemon(state, datetime(2025, 3, 3, 15, tzinfo=UTC), settings) as (daemon, _):
        await daemon.service.step(RISK_CHECK)
        return time.process_time() - began


def rows_of(state: Path) -> int:
    """Count the rows of all ledgers."""
    count = 0
    for path in state.rglob("ledger.sqlite"):
        with closing(sqlite3.connect(path)) as ledger:
            names = [name for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            count += sum(ledger.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names)
    return count


def lengthen(state: Path, rows: int) -> None:
    """Put copies of each ledger's rows before them, years earlier and under other ids, until all have so many."""
    times = -(-rows // rows_of(state))
    for path in state.rglob("ledger.sqlite"):
        with closing(sqlite3.connect(path)) as ledger, ledger:
            for table in COPIED:
                _put_before(ledger, table, times - 1)


def _put_before(ledger: sqlite3.Connection, table: str, copies: int) -> None:
    columns = [column for _, column, *_ in ledger.execute(f"PRAGMA table_info({table})")]
    numbered = "steps" if table == "trading_steps" else table
    count = ledger.execute(f"SELECT coalesce(max(sequence), 0) FROM {numbered}").fetchone()[0]
    ledger.execute(f"UPDATE {table} SET sequence = -sequence - {count * copies}")  # no two meet on the way
    ledger.execute(f"UPDATE {table} SET sequence = -sequence")
    for copy in range(copies):
        earlier = {"sequence": f"sequence - {count * (copies - copy)}"}
        earlier |= {name: f"{name} || '-{copy}'" for name in IDS}
        years = LEAP_YEARS * (copies - copy)
        earlier |= {name: f"(substr({name}, 1, 4) - {years}) || substr({name}, 5)" for name in TIMES}
        values = ", ".join(earlier.get(name, name) for name in columns)
        ledger.execute(f"INSERT INTO {table} SELECT {values} FROM {table} WHERE sequence > {count * copies}")


def main() -> None:
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--sessions", type=int, default=252)
    wanted.add_argument("--rows", type=int, default=100_000)
    asked = wanted.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        with_books, without = (
            settings_folder(Path(folder) / name, {**EAGER, "shadow": shadow})
            for name, shadow in (("books", BOOKS), ("none", NO_BOOKS))
        )
        total, longest = asyncio.run(letters(state, with_books, asked.sessions))
        lengthen(state, asked.rows)
        rows = rows_of(state)
        taken: dict[str, list[float]] = {"books": [], "none": []}
        for turn in range(STARTS):
            for name, settings in (("books", with_books), ("none", without)):
                copy = Path(folder) / f"copy-{name}-{turn}"
                shutil.copytree(state, copy)
                taken[name].append(asyncio.run(start_seconds(copy, settings)))
    starts = {name: round(min(seconds), 2) for name, seconds in taken.items()}
    more = round(starts["books"] - starts["none"], 2)
    print(
        json.dumps(
            {
                "bench": "letters", "sessions": asked.sessions, "letters_seconds": round(total, 1),
                "longest_seconds": round(longest, 2), "seconds_max": SECONDS_MAX, "ledger_rows": rows,
                "start_to_first_step_seconds": starts, "start_more_seconds": more,
                "start_more_seconds_max": START_MORE_SECONDS_MAX, "load": round(os.getloadavg()[0], 2),
                "reached": total <= SECONDS_MAX and more <= START_MORE_SECONDS_MAX,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
