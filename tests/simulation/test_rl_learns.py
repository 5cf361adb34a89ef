"""Where there is something to learn the ensemble learns it and says so; where there is nothing it says that."""

from __future__ import annotations

import pytest

pytest.importorskip("stable_baselines3")

from config.trading import RlSettings
from core.statistics import sharpe_ratios
from models.rl.replay import equal_weight_returns
from models.rl.tasks import Trained, TrainingTask
from models.rl.training import train_member
from tests.rl_markets import make_market

SETTINGS = RlSettings(episode_sessions=20)


def a_training(lesson: float) -> tuple[Trained, TrainingTask]:
    market = make_market(3, tickers=6, sessions=500, lesson=lesson)
    task = TrainingTask(
        member="ppo",
        seed=2,
        timesteps=8_000,
        settings=SETTINGS,
        fitted=market.part(0, 300),
        stopping=market.part(305, 395),
        judged=market.part(400, 498),
    )
    return train_member(task, lambda _: None), task


def test_a_planted_lesson_is_learnt() -> None:
    trained, task = a_training(0.7)
    assert trained.judged["chance_p"] <= 0.05
    assert trained.judged["exposure"] > 0.05
    assert trained.judged["sharpe"] > 1 + sharpe_ratios(
        equal_weight_returns(task.judged, SETTINGS.cost_bps / 10_000)
    )


def test_noise_is_no_skill() -> None:
    trained, _ = a_training(0.0)
    assert trained.judged["chance_p"] > 0.05
