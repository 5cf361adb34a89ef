"""Training one member: seeded, stopped early, the best weights kept; and processes that fail in words."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from stable_baselines3 import A2C, DDPG, PPO

from config.trading import RlSettings
from core.errors import EngineError
from models.rl.artefacts import TrainedMember, file_of, load_member, save
from models.rl.policy import load_actor
from models.rl.tasks import Trained, TrainingTask
from models.rl.training import actor_of, train_member
from models.rl.workers import train_side_by_side
from tests.rl_markets import make_card, make_market

CLASSES = {"ppo": PPO, "a2c": A2C, "ddpg": DDPG}


def a_task(member: str, seed: int = 1, timesteps: int = 1_000, patience: int = 100) -> TrainingTask:
    market = make_market(0, sessions=260)
    return TrainingTask(
        member=member,
        seed=seed,
        timesteps=timesteps,
        settings=RlSettings(episode_sessions=20, patience_evaluations=patience),
        fitted=market.part(0, 150),
        stopping=market.part(155, 200),
        judged=market.part(205, 258),
    )


def trained(task: TrainingTask) -> Trained:
    told: list[float] = []
    with warnings.catch_warnings():
        done = train_member(task, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0 or done.steps < task.timesteps
    return done


@pytest.mark.parametrize("member", ["ppo", "a2c", "ddpg"])
def test_equal_seeds_give_equal_weights_and_the_stored_policy_acts_as_sb3s(member: str) -> None:
    first, again, other = (trained(a_task(member, seed)) for seed in (1, 1, 2))
    assert first.weights_digest == again.weights_digest
    assert first.actor == again.actor
    assert first.judged == again.judged
    assert first.weights_digest != other.weights_digest
    model = CLASSES[member].load(io.BytesIO(first.model), device="cpu")
    rng = np.random.default_rng(0)
    seen = rng.uniform(-3, 3, (200, 16)).astype(np.float32)
    theirs, _ = model.predict(seen, deterministic=True)
    ours = load_actor(first.actor).act(seen)
    np.testing.assert_allclose(ours, theirs[:, 0], atol=1e-5)
    assert np.ptp(ours) > 0


def test_sb3_reads_the_file_that_the_engine_keeps(tmp_path: Path) -> None:
    done = trained(a_task("a2c"))
    trained_member = TrainedMember(model=done.model, actor=done.actor, card=make_card("a2c"))
    save([trained_member], tmp_path, datetime(2025, 1, 1, tzinfo=UTC))
    model = A2C.load(file_of(tmp_path, "a2c"), device="cpu")
    held = load_member(tmp_path, "a2c")
    assert held is not None
    assert actor_of(model.policy).dump() == held.actor.dump()


def test_training_stops_when_the_stopping_sessions_get_no_better() -> None:
    done = trained(a_task("a2c", timesteps=40_000, patience=1))
    assert done.steps < 40_000


def test_a_failed_training_is_told_and_the_others_are_ended() -> None:
    broken = replace(a_task("a2c"), fitted=make_market(sessions=10))
    with pytest.raises(EngineError, match="No ticker has 21 sessions"):
        train_side_by_side([broken], 1, lambda _index, _fraction: None)


def test_side_by_side_equals_one_after_the_other() -> None:
    tasks = [a_task("a2c", 1), a_task("ppo", 1)]
    told: dict[int, list[float]] = {0: [], 1: []}
    done = train_side_by_side(tasks, 2, lambda index, fraction: told[index].append(fraction))
    assert [one.member for one in done] == ["a2c", "ppo"]
    assert done[0].weights_digest == trained(tasks[0]).weights_digest
    assert told[0][-1] == told[1][-1] == 1.0
