"""The RL environment alone: 1,024 environments through SB3's VecEnv interface, on one core."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from config.trading import RlSettings
from models.rl.batch import Rules
from models.rl.env import PositionVecEnv
from models.rl.market import RlMarket

ENVIRONMENTS, STEPS, ROUNDS = 1024, 500, 7
TICKERS, SESSIONS, FACTORS = 15, 1250, 13
STEPS_PER_SECOND_MIN = 1_000_000


def random_market(window_sessions: int) -> RlMarket:
    rng = np.random.default_rng(0)
    shape = (TICKERS, SESSIONS)
    return RlMarket(
        tickers=tuple(f"T{i}" for i in range(TICKERS)),
        sessions=np.arange(SESSIONS).astype("datetime64[D]"),
        features=rng.uniform(0, 1, (*shape, FACTORS * window_sessions + 1)).astype(np.float32),
        known=np.ones(shape, dtype=np.bool_),
        returns=rng.normal(0, 0.02, shape),
    )


def main() -> None:
    settings = RlSettings()
    env = PositionVecEnv(random_market(settings.factor_window_sessions), Rules.of(settings), ENVIRONMENTS)
    env.seed(1)
    env.reset()
    actions = np.random.default_rng(1).uniform(-1, 1, (16, ENVIRONMENTS, 1)).astype(np.float32)
    rates, episodes = [], 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for step in range(STEPS):
            _, _, over, _ = env.step(actions[step % 16])
            episodes += int(over.sum())
        rates.append(ENVIRONMENTS * STEPS / (time.perf_counter() - began))
    assert episodes, "no episode ended, so no reset was measured"
    print(
        json.dumps(
            {
                "name": "rl_env",
                "environments": ENVIRONMENTS,
                "observation_width": env.batch.width,
                "steps_per_second_p50": round(statistics.median(rates)),
                "steps_per_second_worst": round(min(rates)),
                "steps_per_second_min": STEPS_PER_SECOND_MIN,
                "load_1m": round(os.getloadavg()[0], 2),
            }
        )
    )


if __name__ == "__main__":
    main()
