"""What a year of letters and a start over a long ledger cost, with the default five shadow books.

Each session the daemon's own service decides at the open and checks each hour on the simulated market; after the
close the session's letter is written. Then the daemon is started twice over what was recorded, with the books and
without. Prints one JSON line, in seconds of processor time.

    python benchmarks/letters.py [--sessions 252]
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
        with sqlite3.connect(path) as ledger:
            names = [name for (name,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            count += sum(ledger.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names)
    return count


def main() -> None:
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--sessions", type=int, default=252)
    asked = wanted.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        with_books, without = (
            settings_folder(Path(folder) / name, {**EAGER, "shadow": shadow})
            for name, shadow in (("books", BOOKS), ("none", NO_BOOKS))
        )
        total, longest = asyncio.run(letters(state, with_books, asked.sessions))
        rows = rows_of(state)
        starts = {}
        for name, settings in (("books", with_books), ("none", without)):
            copy = Path(folder) / f"copy-{name}"
            shutil.copytree(state, copy)
            starts[name] = round(asyncio.run(start_seconds(copy, settings)), 2)
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
