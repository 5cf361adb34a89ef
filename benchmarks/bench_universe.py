"""The daemon's own step on universes of growing size, on the simulated market: seconds, memory, training.

Each size is a process of its own: it builds the engine (bars made, factors computed), trains a ranker on 18
months where asked, then decides warm. CPU seconds are what the process itself used: on a busy machine the fairer
figure.

    python benchmarks/bench_universe.py [--sizes 64,500,3000] [--train] [--rounds 7]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
STEP_RATIO_MAX, RSS_RATIO_MAX, TRAIN_SECONDS_MAX = 3.0, 1.6, 60.0


def rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def write_universe(root: Path, stocks: int) -> Path:
    """Write settings whose universe has so many stocks in 11 sectors; return their folder."""
    import shutil

    from config.universe_index import ETF_OF_SECTOR

    folder = root / "config"
    shutil.copytree(ROOT / "config", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "trading.json"))
    sectors: dict[str, Any] = {name: {"etf": etf, "stocks": []} for name, etf in ETF_OF_SECTOR.items()}
    for place in range(stocks):
        list(sectors.values())[place % len(sectors)]["stocks"].append(f"S{place:04d}")
    own = root / "user" / "universes"
    own.mkdir(parents=True)
    (own / "sized.json").write_text(json.dumps({"sectors": sectors}))
    (folder / "trading.json").write_text(json.dumps({"universe": "sized"}))
    return folder


def run_once(stocks: int, train: bool, rounds: int) -> dict[str, Any]:
    from datetime import UTC, datetime, timedelta

    from adapters.clock import ManualClock
    from config.environment import read_environment
    from core.cycles import DECIDE
    from daemon.process_memory import release_memory
    from daemon.wiring import build_daemon

    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        environment = read_environment({"DATA_PROVIDER": "simulated", "STATE_DIR": str(root / "state")})
        clock = ManualClock(datetime(2026, 3, 11, 15, 45, tzinfo=UTC))
        began = time.perf_counter()
        daemon = build_daemon(environment, write_universe(root, stocks), clock)
        engine = daemon.engines.build(lambda: None)
        built = time.perf_counter() - began
        trained = train_here(daemon, engine) if train else None
        walls, cpus = [], []
        for _ in range(rounds + 1):
            clock.advance(timedelta(minutes=1))
            began, cpu = time.perf_counter(), time.process_time()
            report = engine.step(DECIDE)
            walls.append(time.perf_counter() - began)
            cpus.append(time.process_time() - cpu)
            if len(walls) == 1:
                release_memory()  # as the daemon does once its first training is done
        result = {
            "stocks": stocks, "built_seconds": round(built, 2), "train_cpu_seconds": trained,
            "signals": sum(len(decision.votes) for decision in report.plan.decisions),
            "step_seconds": round(statistics.median(walls[1:]), 4),
            "step_cpu_seconds": round(statistics.median(cpus[1:]), 4),
            "rss_mb": round(rss_mb()), "rss_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }  # fmt: skip
        daemon.close()
    return result


def train_here(daemon: Any, engine: Any) -> float:
    """Train the ranker in a child, put it in use, and return the CPU seconds that it took."""
    from concurrent.futures import ProcessPoolExecutor
    from datetime import UTC, datetime
    from multiprocessing import get_context

    from core.cycles import DECIDE
    from models.ranker.artefact import decode_artefact
    from models.ranker.versions import save

    engine.step(DECIDE)
    trading = daemon.engines.trading
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        arguments = engine.last_view.bars, trading.universe.sector_etf_of, trading.quant
        seconds, body = pool.submit(train_timed, *arguments).result()
    save(decode_artefact(body), daemon.engines.environment.artefact_dir, datetime.now(UTC))
    daemon.engines.ranker.provider.reload()
    return round(seconds, 1)


def train_timed(*arguments: Any) -> tuple[float, bytes]:
    from models.ranker.child import retrain

    began = time.process_time()
    body = retrain(lambda _share, _said: None, *arguments)
    return time.process_time() - began, body


def main() -> None:
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--sizes", default="64,500,3000")
    wanted.add_argument("--train", action="store_true")
    wanted.add_argument("--rounds", type=int, default=7)
    wanted.add_argument("--once", type=int)
    asked = wanted.parse_args()
    if asked.once:
        print(json.dumps(run_once(asked.once, asked.train, asked.rounds)))
        return
    found = []
    for size in asked.sizes.split(","):
        more = ["--train"] if asked.train else []
        command = [sys.executable, __file__, "--once", size, "--rounds", str(asked.rounds), *more]
        out = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append(json.loads(out.stdout.splitlines()[-1]))
        print(json.dumps(found[-1]), flush=True)
    first, rest = found[0], found[1:]
    limits = {"step": STEP_RATIO_MAX, "rss": RSS_RATIO_MAX, "train_seconds": TRAIN_SECONDS_MAX}
    ratios = [
        {
            "stocks": one["stocks"],
            "step": round(one["step_cpu_seconds"] / first["step_cpu_seconds"], 2),
            "rss": round(one["rss_mb"] / first["rss_mb"], 2),
            "train_seconds": one["train_cpu_seconds"],
        }
        for one in rest
    ]
    print(json.dumps({"name": "universe", "against": first["stocks"], "ratios": ratios, "limits": limits}))


if __name__ == "__main__":
    main()
