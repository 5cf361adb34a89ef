"""All 50,000 steps of each member, side by side in processes as `POST /train` runs them, early stopping off."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.bench_rl_env import random_market
from config.trading import RlSettings
from models.rl.tasks import TrainingTask
from models.rl.workers import cores, train_side_by_side

TIMESTEPS, SECONDS_MAX = 50_000, 90.0
MEMBERS = ("ddpg", "ppo", "a2c")


def main() -> None:
    settings = RlSettings(timesteps=TIMESTEPS, patience_evaluations=10_000)
    market = random_market(settings.factor_window_sessions)
    tasks = [
        TrainingTask(
            member=member, seed=settings.seed, timesteps=TIMESTEPS, settings=settings,
            fitted=market.part(0, 700), stopping=market.part(705, 831), judged=market.part(836, 962),
        )
        for member in MEMBERS
    ]  # fmt: skip
    load = os.getloadavg()[0]
    began = time.perf_counter()
    trained = train_side_by_side(tasks, cores(), lambda _index, _fraction: None)
    seconds = time.perf_counter() - began
    assert all(one.steps >= TIMESTEPS for one in trained)
    print(
        json.dumps(
            {
                "name": "rl_train_steps",
                "steps": {one.member: one.steps for one in trained},
                "cores": cores(),
                "seconds": round(seconds, 1),
                "seconds_max": SECONDS_MAX,
                "load_1m": [round(load, 2), round(os.getloadavg()[0], 2)],
            }
        )
    )


if __name__ == "__main__":
    main()
