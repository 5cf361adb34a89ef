"""What a walk-forward costs beyond the bare XGBoost fits it makes, and what a second process gains.

Bare fits: `fit_booster` on the very arrays the walk-forward fits on, made beforehand. Whole: from a panel in
memory to the run's last step (factors, folds, calibration, the backtest itself). In turns, medians. On a busy
machine only `ratio_cpu` says anything: what the process itself used. Prints one JSON line.

    python benchmarks/bench_walk_forward.py PARQUET [--strategy quant_v8|pipeline] [--start ISO] [--end ISO]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from config.environment import read_environment
from core.types import BarPanel
from models.factor_store import FactorStore
from models.quant_folds import purged_folds
from models.quant_samples import training_samples
from models.quant_training import FitTask, _task, fit_booster
from models.walk_forward import fold_rows, fold_task
from pipeline.bootstrap.backtest_settings import settings_of
from pipeline.bootstrap.backtests import (
    RETRAIN_SESSIONS,
    BacktestSpec,
    decision_rows,
    load_panel,
    run_pipeline,
    run_v8,
    train,
)
from pipeline.bootstrap.executors import executor_of

RATIO_MAX = {"quant_v8": 1.3, "pipeline": 2.0}
SPEED_UP_MIN = 1.7


def bare_tasks(spec: BacktestSpec, panel: BarPanel) -> list[FitTask]:
    """The fits of the walk-forward, as arrays ready to fit."""
    import numpy as np

    quant, table, out = settings_of(spec).trading.quant, FactorStore().history(panel), []
    for row in fold_rows(panel, *decision_rows(spec, panel), RETRAIN_SESSIONS):
        task = fold_task(panel, table, quant, row)
        samples = training_samples(task.bars, task.table, quant, len(task.bars.sessions) - 1)
        for fold in purged_folds(samples.day, quant.calibration_folds, quant.purge_sessions):
            out.append(_task(samples, fold.train, samples.X[fold.test], quant))
        out.append(_task(samples, np.ones(len(samples.y), dtype=np.bool_), samples.X[:0], quant))
    return out


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Give wall seconds, and this process's own."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def measure(strategy: str, spec: BacktestSpec, panel: BarPanel, source: str, rounds: int) -> dict[str, Any]:
    tasks = bare_tasks(spec, panel)
    run: Any = run_pipeline if strategy == "pipeline" else run_v8

    def whole(jobs: int) -> None:
        with executor_of(jobs) as executor:
            artefacts = train(spec, panel, executor)
        run(spec, panel, artefacts, source=source)

    works: dict[str, Callable[[], object]] = {
        "bare_fits": lambda: [fit_booster(task) for task in tasks],
        "jobs_1": lambda: whole(1),
        "jobs_2": lambda: whole(2),
    }
    fit_booster(tasks[0])  # XGBoost is loaded
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(seconds(work))
    medians = {f"{name}_s": round(statistics.median(wall for wall, _ in t), 2) for name, t in times.items()}
    for name in ("bare_fits", "jobs_1"):
        medians[f"{name}_cpu_s"] = round(statistics.median(cpu for _, cpu in times[name]), 2)
    return {"fits": len(tasks), **medians}


def main() -> None:
    wanted = argparse.ArgumentParser()
    wanted.add_argument("parquet", type=Path)
    wanted.add_argument("--strategy", choices=tuple(RATIO_MAX), default="quant_v8")
    wanted.add_argument("--start", type=date.fromisoformat, default=date(2023, 1, 3))
    wanted.add_argument("--end", type=date.fromisoformat, default=date(2024, 12, 31))
    wanted.add_argument("--profile", default="")
    wanted.add_argument("--rounds", type=int, default=2)
    asked = wanted.parse_args()
    spec = BacktestSpec(start=asked.start, end=asked.end, feed=f"parquet:{asked.parquet}", profile=asked.profile)
    panel, source = load_panel(spec, read_environment({}), datetime.now(UTC))
    load = os.getloadavg()[0]
    made = measure(asked.strategy, spec, panel, source, asked.rounds)
    ratio, gain = made["jobs_1_s"] / made["bare_fits_s"], made["jobs_1_s"] / made["jobs_2_s"]
    about = {"name": "walk_forward", "strategy": asked.strategy, "start": str(asked.start), "end": str(asked.end)}
    machine = {"cores": os.cpu_count(), "load_before": round(load, 2), "load_after": round(os.getloadavg()[0], 2)}
    verdict = {
        "ratio": round(ratio, 2),
        "ratio_cpu": round(made["jobs_1_cpu_s"] / made["bare_fits_cpu_s"], 2),
        "ratio_max": RATIO_MAX[asked.strategy],
        "jobs_2_speed_up": round(gain, 2),
        "speed_up_min_idle": SPEED_UP_MIN,
    }
    print(json.dumps({**about, **machine, **made, **verdict}))


if __name__ == "__main__":
    main()
