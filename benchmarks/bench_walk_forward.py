"""What a walk-forward costs beyond the bare XGBoost fits it makes, and what a second process gains.

Bare fits: `fit_booster` on the very arrays the walk-forward fits on, made beforehand. Total: the script as a user
runs it, from the command to the chart. In turns, medians. CPU seconds are the process's own and its children's:
on a busy machine only `ratio_cpu` says anything. One JSON line a script. The whole span, about 10 minutes:

    python benchmarks/bench_walk_forward.py --start 2019-01-02 --end 2025-02-28
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
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
from backtest.app.settings import BacktestSpec, settings_of
from backtest.app.strategies import decision_rows, load_panel
from config.environment import read_environment
from core.types import BarPanel
from models.factors.store import FactorStore
from models.ranker.folds import purged_folds
from models.ranker.samples import training_samples
from models.ranker.training import FitTask, _task, fit_booster
from models.ranker.walk_forward import fold_rows, fold_task

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "universe_daily.parquet"
SCRIPTS = {"quant_v8": "backtest_v8.py", "pipeline": "backtest_pipeline.py"}
RESULTS = {"quant_v8": "backtest_v8_results.json", "pipeline": "backtest_pipeline_results.json"}
RATIO_MAX = {"quant_v8": 1.3, "pipeline": 2.0}
JOBS = {"quant_v8": (1, 2), "pipeline": (1,)}
SPEED_UP_MIN = 1.7


class Spent(NamedTuple):
    """Seconds on the wall, and of the processor by this process and its children."""

    wall: float
    cpu: float


def bare_tasks(spec: BacktestSpec, panel: BarPanel) -> list[FitTask]:
    """The fits of the walk-forward, as arrays ready to fit."""
    import numpy as np

    trading, out = settings_of(spec).trading, []
    quant, table = trading.quant, FactorStore(trading.universe.sector_etf_of).history(panel)
    for row in fold_rows(panel, *decision_rows(spec, panel), spec.retrain_sessions):
        task = fold_task(panel, table, quant, row)
        samples = training_samples(task.bars, task.table, quant, len(task.bars.sessions) - 1)
        for fold in purged_folds(samples.day, quant.calibration_folds, quant.purge_sessions):
            out.append(_task(samples, fold.train, samples.X[fold.test], quant))
        out.append(_task(samples, np.ones(len(samples.y), dtype=np.bool_), samples.X[:0], quant))
    return out


def spent(work: Callable[[], object]) -> Spent:
    """Measure some work."""
    began, cpu = time.perf_counter(), _cpu_seconds()
    work()
    return Spent(time.perf_counter() - began, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def run_script(strategy: str, jobs: int, spec: BacktestSpec, folder: Path) -> None:
    """Run a backtest script to its end, chart and JSON included."""
    span = ["--start", str(spec.start), "--end", str(spec.end), "--feed", spec.feed, "--profile", spec.profile]
    command = [sys.executable, str(ROOT / SCRIPTS[strategy]), *span, "--jobs", str(jobs), "--out", str(folder)]
    subprocess.run(command, capture_output=True, check=True)


def measure(spec: BacktestSpec, strategies: list[str], rounds: int) -> tuple[int, dict[str, list[Spent]]]:
    """Time the bare fits and the scripts in turns; the same bytes have to come of any number of jobs."""
    panel, _ = load_panel(spec, read_environment({}), datetime.now(UTC))
    tasks = bare_tasks(spec, panel)
    fit_booster(tasks[0])  # XGBoost is loaded
    printed: dict[str, set[bytes]] = {strategy: set() for strategy in strategies}
    times: dict[str, list[Spent]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            times.setdefault("bare", []).append(spent(lambda: [fit_booster(task) for task in tasks]))
            for strategy in strategies:
                for jobs in JOBS[strategy]:
                    work = partial(run_script, strategy, jobs, spec, Path(folder))
                    times.setdefault(f"{strategy} {jobs}", []).append(spent(work))
                    printed[strategy].add((Path(folder) / RESULTS[strategy]).read_bytes())
    assert all(len(said) == 1 for said in printed.values()), "the figures depend on --jobs"
    return len(tasks), times


def report(strategy: str, fits: int, times: dict[str, list[Spent]]) -> dict[str, Any]:
    """Give the medians of one script and their ratios."""
    wall, cpu = ({name: statistics.median(t[i] for t in spans) for name, spans in times.items()} for i in (0, 1))
    made: dict[str, Any] = {"name": "walk_forward", "strategy": strategy, "fits": fits}
    made |= {"bare_fits_s": round(wall["bare"], 1), "bare_fits_cpu_s": round(cpu["bare"], 1)}
    for jobs in JOBS[strategy]:
        name = f"{strategy} {jobs}"
        made |= {f"jobs_{jobs}_s": round(wall[name], 1), f"jobs_{jobs}_cpu_s": round(cpu[name], 1)}
    one = f"{strategy} 1"
    made["ratio"] = round(wall[one] / wall["bare"], 3)
    made |= {"ratio_cpu": round(cpu[one] / cpu["bare"], 3), "ratio_max": RATIO_MAX[strategy]}
    if f"{strategy} 2" in wall:
        made["jobs_2_speed_up"] = round(wall[one] / wall[f"{strategy} 2"], 2)
        made["speed_up_min_on_two_idle_cores"] = SPEED_UP_MIN
    return made


def main() -> None:
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--feed", default=f"parquet:{DATA}" if DATA.exists() else "simulated")
    wanted.add_argument("--strategies", nargs="+", choices=tuple(SCRIPTS), default=list(SCRIPTS))
    wanted.add_argument("--start", type=date.fromisoformat, default=date(2023, 1, 3))
    wanted.add_argument("--end", type=date.fromisoformat, default=date(2023, 12, 29))
    wanted.add_argument("--profile", default="runbook")
    wanted.add_argument("--rounds", type=int, default=1)
    asked = wanted.parse_args()
    spec = BacktestSpec(start=asked.start, end=asked.end, feed=asked.feed, profile=asked.profile)
    load = os.getloadavg()[0]
    fits, times = measure(spec, asked.strategies, asked.rounds)
    machine = {"start": str(asked.start), "end": str(asked.end), "cores": os.cpu_count(), "load_before": load}
    for strategy in asked.strategies:
        print(json.dumps({**report(strategy, fits, times), **machine, "load_after": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
