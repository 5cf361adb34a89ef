"""The running daemon on universes of growing size: start, decisions over HTTP, memory once all is trained.

Each size has a state folder of its own and is asked on the simulated market: process start to `/ready` on an
empty folder, then, its ranker trained, the time of `POST /decide/v3` and the memory; the highest is the kernel's
own mark. The start from a warm cache is that of `DATA_PROVIDER=yfinance` with every bar on disk, in turns.

    python benchmarks/universe_daemon.py [--sizes 64,500,3000] [--rounds 15] [--starts 3]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.bench_universe import write_universe
from benchmarks.daemon import Daemon, get, wait_until

READY_SECONDS_MAX = 300.0
READY_RATIO_MAX, RSS_RATIO_MAX, DECIDE_MS_MAX, RSS_MB_MAX = 3.0, 1.6, 500.0, 1536.0


def decisions(settings: Path, state: Path, rounds: int) -> dict[str, Any]:
    """Start on an empty folder, train, and decide."""
    with Daemon(state, settings=settings) as daemon:
        ready = seconds_to_ready(daemon)
        daemon.wait_idle()
        voted: set[str] = set()
        times, names = [], 0
        for _ in range(rounds + 1):
            began = time.perf_counter()
            status, body = get(daemon.port, "/decide/v3", "POST", 120)
            times.append(1000 * (time.perf_counter() - began))
            assert status == 200, body
            made = json.loads(body)["decisions"]
            names, voted = len(made), voted | {vote["agent"] for one in made for vote in one["votes"]}
        assert names > 0, "nothing was decided"
        assert "quant" in voted, "the ranker did not vote"
        return {
            "ready_seconds": round(ready, 2),
            "decided_names": names,
            "decide_ms_p50": round(statistics.median(times[1:])),
            "rss_mb": round(daemon.resident_mb),
            "rss_peak_mb": round(daemon.peak_mb),
        }


def write_cache(settings: Path, state: Path) -> None:
    """Keep the simulated market's bars as Yahoo's cache would, to the last session that is over."""
    import numpy as np

    from adapters.calendar import NyseCalendar
    from adapters.feeds.bar_store import BarStore, StoredBars
    from adapters.feeds.rows import SymbolBars
    from adapters.feeds.views import session_status
    from adapters.simulated.market import SimulatedMarket
    from adapters.yahoo.bars import YfinanceBars
    from config.loader import load_trading

    trading, calendar, now = load_trading(settings), NyseCalendar(), datetime.now(UTC)
    due = session_status(calendar, now, YfinanceBars.publication_delay).session_due
    end = now.date() if due is None else due.astype(object)
    start = end - timedelta(days=round(365.25 * trading.data.history_years))
    panel = SimulatedMarket(calendar, trading.universe).bars(trading.universe.symbols, start, end)
    cube = np.stack([panel.open, panel.high, panel.low, panel.close, panel.volume], axis=2)
    bars = {name: SymbolBars(panel.sessions, cube[:, column]) for column, name in enumerate(panel.symbols)}
    stored = StoredBars(bars=bars, asked_from=dict.fromkeys(bars, start))
    BarStore(state / "cache" / "bars-yfinance.parquet").save(stored)


def seconds_to_ready(daemon: Daemon) -> float:
    wait_until(lambda: daemon.answers("/ready"), READY_SECONDS_MAX, 0.02)
    return time.perf_counter() - daemon.started


def warm_start(settings: Path, state: Path) -> float:
    with Daemon(state, "yfinance", settings) as daemon:
        return seconds_to_ready(daemon)


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--sizes", default="64,500,3000")
    wanted.add_argument("--rounds", type=int, default=15)
    wanted.add_argument("--starts", type=int, default=3)
    asked = wanted.parse_args()
    sizes = [int(size) for size in asked.sizes.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        roots = {size: Path(temporary) / str(size) for size in sizes}
        settings = {size: write_universe(root, size) for size, root in roots.items()}
        found = {
            size: {"stocks": size, **decisions(settings[size], roots[size] / "state", asked.rounds)}
            for size in sizes
        }
        for size in sizes:
            write_cache(settings[size], roots[size] / "warm")
        starts: dict[int, list[float]] = {size: [] for size in sizes}
        for _ in range(asked.starts):
            for size in sizes:
                starts[size].append(warm_start(settings[size], roots[size] / "warm"))
    for size, one in found.items():
        one["warm_ready_seconds"] = round(statistics.median(starts[size]), 2) if starts[size] else None
        print(json.dumps({"stocks": size, **one}), flush=True)
    limits = {
        "warm_ready_ratio_of_500_to_64": READY_RATIO_MAX,
        "rss_ratio_of_500_to_64": RSS_RATIO_MAX,
        "decide_ms_p50_of_3000": DECIDE_MS_MAX,
        "rss_mb_of_3000": RSS_MB_MAX,
    }
    print(json.dumps({"bench": "universe_daemon", "limits": limits, "load": round(os.getloadavg()[0], 2)}))


if __name__ == "__main__":
    main()
