"""The step's overhead: a rules-only portfolio through `Engine.step`, 2,500 bars of 79 and of 1,000 symbols.

Equal-weight top 10 by 21-day return every 5 bars, stop -3 %, target +5 %, 10 bps a trade. Each run is a process
of its own, ours and the peers' in turns on the same bars; the times leave the loading of libraries and bars out.
`cpu_seconds` is what the process itself used: on a busy machine the fairer figure.
Prints one JSON line a size: medians of seconds, peak memory, and the machine's load before it.

    python benchmarks/bench_step.py [--rounds 5] [--peers-python /path/with/bt/bin/python] [--sizes 79,1000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
SESSIONS, NAMES, EVERY, LOOK_BACK = 2500, 10, 5, 21
LIMITS = {79: {"seconds": 0.9}, 1000: {"seconds": 2.4, "rss_mb": 2048}}
PEERS = {"bt": "peers_bt.py"}
RISK: dict[str, Any] = {
    "position_sizing": {"max_position_pct": 1.0, "min_position_pct": 0.0},
    "portfolio_limits": {
        "max_positions": NAMES,
        "max_exposure_pct": 1.0,
        "max_sector_pct": 1.0,
        "min_resize_pct": 0.0,
        "spend_pending_sales": True,
    },
    "daily_limits": {"max_daily_loss_pct": -1.0, "max_daily_trades": 10_000},
    "circuit_breakers": {"max_drawdown_pct": -1.0},
    "swing_exit": {"stop_loss_pct": -1.0, "take_profit_pct": 100.0, "max_hold_days": 100_000},
    "risk_check": {"stop_loss_pct": -0.03, "take_profit_pct": 0.05, "dynamic_stops": False},
}


def write_bars(path: Path, symbols: int) -> None:
    import numpy as np

    from benchmarks.panels import FIELDS, random_panel
    from config.universe import DEFAULT

    names = (
        DEFAULT.symbols
        if symbols == len(DEFAULT.symbols)
        else ("SPY", *(f"S{i:04d}" for i in range(symbols - 1)))
    )
    panel = random_panel(1, SESSIONS, names)
    arrays: dict[str, Any] = {name: getattr(panel, name) for name in FIELDS}
    np.savez(path, sessions=panel.sessions, known_at=panel.known_at, symbols=np.array(names), **arrays)


def run_once(path: Path) -> dict[str, Any]:
    """Run ours once in this process."""
    import exchange_calendars.exchange_calendar_xnys  # noqa: F401  # libraries are loaded before the clock starts
    import numpy as np

    from agents.top_of_universe import TopNStrategy
    from backtest.app.engine import build_backtest_engine
    from backtest.runner import run
    from benchmarks.panels import FIELDS
    from config.risk import RiskSettings
    from config.trading import TradingSettings
    from core.cycles import DECIDE
    from core.types import BarPanel, Floats, MarketView

    bars = np.load(path, allow_pickle=False)
    panel = BarPanel(
        sessions=bars["sessions"], known_at=bars["known_at"], symbols=tuple(bars["symbols"].tolist()),
        **{name: bars[name] for name in FIELDS},
    )  # fmt: skip
    trading = TradingSettings.model_validate({"broker": {"spread_bps": 0.0, "slippage_bps": 10.0}})

    def momentum(view: MarketView) -> Floats:
        close = view.bars.close
        if len(close) <= LOOK_BACK:
            return np.full(close.shape[1], np.nan)
        gained: Floats = close[-1] / close[-1 - LOOK_BACK] - 1
        return gained

    began, cpu = time.perf_counter(), time.process_time()
    backtest_engine = build_backtest_engine(
        panel,
        trading,
        RiskSettings.model_validate(RISK),
        lambda p: TopNStrategy(p.symbols, momentum, count=NAMES, every_sessions=EVERY),
    )
    cycle = replace(DECIDE, submits=True, protects=True)
    done = run(
        backtest_engine.engine,
        backtest_engine.clock,
        [(at, cycle) for at in backtest_engine.panel.closed_at[:SESSIONS]],
        resume_after_sessions=0,
    )
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    assert {"stop_loss", "take_profit", "rebalance"} <= {fill.rule for fill in done.fills}
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "trades": len(done.fills), "rss_mb": rss_mb}


def child(python: str, script: str, path: Path, *more: str) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [python, str(ROOT / "benchmarks" / script), str(path), *more]
    out = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    answer: dict[str, Any] = json.loads(out.stdout.splitlines()[-1])
    return answer


def measure(symbols: int, rounds: int, peers_python: str | None) -> dict[str, Any]:
    works: dict[str, tuple[str, str, tuple[str, ...]]] = {"ours": (sys.executable, "bench_step.py", ("--once",))}
    if peers_python:
        works |= {name: (peers_python, script, ()) for name, script in PEERS.items()}
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in works}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.npz"
        write_bars(path, symbols)
        for _ in range(rounds):
            for name, (python, script, more) in works.items():
                seen[name].append(child(python, script, path, *more))
    medians = {
        name: {key: round(statistics.median(run[key] for run in runs), 3) for key in runs[0]}
        for name, runs in seen.items()
    }
    limits = LIMITS.get(symbols, {})
    reached = all(medians["ours"][key] <= limit for key, limit in limits.items())
    best = {name: round(min(run["seconds"] for run in runs), 3) for name, runs in seen.items()}
    return {
        "name": "step", "symbols": symbols, "sessions": SESSIONS, "rounds": rounds, "load_before": round(load, 2),
        **medians, "seconds_best": best, "limits": limits, "reached": reached,
    }  # fmt: skip


def main() -> None:
    wanted = argparse.ArgumentParser()
    wanted.add_argument("bars", nargs="?", type=Path)
    wanted.add_argument("--once", action="store_true")
    wanted.add_argument("--rounds", type=int, default=5)
    wanted.add_argument("--sizes", default="79,1000")
    wanted.add_argument("--peers-python", default=sys.executable if find_spec("bt") else None)
    asked = wanted.parse_args()
    if asked.once:
        print(json.dumps(run_once(asked.bars)))
        return
    for symbols in map(int, asked.sizes.split(",")):
        print(json.dumps(measure(symbols, asked.rounds, asked.peers_python)), flush=True)


if __name__ == "__main__":
    main()
