"""One training of one member: stable-baselines3 on the batch environment, stopped early, evaluated afterwards.

Imported in training processes only: torch and stable-baselines3 come with it.
"""

from __future__ import annotations

import copy
import hashlib
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from stable_baselines3 import A2C, DDPG, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise

from core.statistics import sharpe_ratios
from models.rl.batch import Rules
from models.rl.env import PositionVecEnv
from models.rl.market import Features, RlMarket
from models.rl.policy import Actor
from models.rl.replay import chance_p, portfolio_returns, run_policy
from models.rl.tasks import Trained, TrainingTask

EVALUATIONS = 20
CHANCE_DRAWS = 499
ENVIRONMENTS = 16
LAYERS = [64, 64]
DISCOUNT = 0.9
OnProgress = Callable[[float], None]


def train_member(task: TrainingTask, on_progress: OnProgress) -> Trained:
    """Train one member; the same task gives the same weights.

    Raises
    ------
    DataError
        When no ticker has an episode's history in the fitted sessions.
    """
    settings = task.settings
    torch.set_num_threads(settings.threads)
    rules = Rules.of(settings)
    env = PositionVecEnv(task.fitted, rules, ENVIRONMENTS)
    model = _algorithm(task, env)
    early_stop = _EarlyStop(task, rules, on_progress)
    model.learn(task.timesteps, callback=early_stop)
    model.policy.load_state_dict(early_stop.best_weights)
    actor = actor_of(model.policy)
    body = io.BytesIO()
    model.save(body)
    return Trained(
        member=task.member,
        seed=task.seed,
        model=body.getvalue(),
        actor=actor.dump(),
        weights_digest=_digest(early_stop.best_weights),
        steps=int(model.num_timesteps),
        stopping_sharpe=early_stop.best,
        judged=evaluate(actor, task.judged, rules, task.seed),
    )


def evaluate(actor: Actor, market: RlMarket, rules: Rules, seed: int) -> dict[str, float]:
    """Measure a policy on sessions that nothing was chosen on."""
    positions = run_policy(actor, market, rules).positions
    returns = portfolio_returns(positions, market, rules.cost)
    return {
        "sharpe": float(sharpe_ratios(returns)),
        "return": float(np.prod(1 + returns) - 1),
        "exposure": float(np.abs(positions).mean()),
        "chance_p": chance_p(positions, market, rules.cost, draws=CHANCE_DRAWS, seed=seed),
    }


def _algorithm(task: TrainingTask, env: PositionVecEnv) -> Any:
    shared: dict[str, Any] = {
        "policy": "MlpPolicy", "env": env, "seed": task.seed, "device": "cpu", "gamma": DISCOUNT,
    }  # fmt: skip
    if task.member == "ppo":
        return PPO(
            **shared, n_steps=128, batch_size=256, n_epochs=8, learning_rate=3e-4, ent_coef=0.001,
            policy_kwargs={"net_arch": LAYERS, "log_std_init": -0.5},
        )  # fmt: skip
    if task.member == "a2c":
        return A2C(
            **shared, n_steps=16, learning_rate=7e-4, gae_lambda=0.95, ent_coef=0.001,
            policy_kwargs={"net_arch": LAYERS, "log_std_init": -0.5},
        )  # fmt: skip
    return DDPG(
        **shared, learning_rate=5e-4, buffer_size=max(1_000, min(task.timesteps, 100_000)), learning_starts=500,
        batch_size=256, train_freq=1, gradient_steps=1,
        action_noise=NormalActionNoise(np.zeros(1), np.full(1, 0.2)), policy_kwargs={"net_arch": LAYERS},
    )  # fmt: skip


class _EarlyStop(BaseCallback):  # type: ignore[misc]  # stable_baselines3 ships no types to mypy
    """Evaluates on the stopping sessions; keeps the best weights, and stops when they get no better."""

    def __init__(self, task: TrainingTask, rules: Rules, on_progress: OnProgress) -> None:
        super().__init__()
        self._task, self._rules, self._on_progress = task, rules, on_progress
        self._every = max(1, task.timesteps // EVALUATIONS)
        self._next = self._every
        self._worse = 0
        self.best = -np.inf
        self.best_weights: dict[str, torch.Tensor] = {}

    def _on_rollout_start(self) -> None:
        if self.num_timesteps >= self._next:
            self._evaluate()

    def _on_step(self) -> bool:
        return self._worse < self._task.settings.patience_evaluations

    def _on_training_end(self) -> None:
        self._evaluate()

    def _evaluate(self) -> None:
        self._next = self.num_timesteps + self._every
        policy = self.model.policy
        positions = run_policy(actor_of(policy), self._task.stopping, self._rules).positions
        found = float(sharpe_ratios(portfolio_returns(positions, self._task.stopping, self._rules.cost)))
        self._worse += 1
        if found > self.best:
            self.best, self._worse = found, 0
            self.best_weights = copy.deepcopy(policy.state_dict())
        self._on_progress(min(1.0, self.num_timesteps / self._task.timesteps))


def actor_of(policy: torch.nn.Module) -> Actor:
    """Copy the deterministic part of a stable-baselines3 policy."""
    parts: Any = policy  # stable_baselines3 ships no types
    squashed = hasattr(policy, "actor")
    layers = parts.actor.mu if squashed else [*parts.mlp_extractor.policy_net, parts.action_net]
    dense = [layer for layer in layers if isinstance(layer, torch.nn.Linear)]
    return Actor(
        weights=tuple(_array(layer.weight).T.copy() for layer in dense),
        biases=tuple(_array(layer.bias).copy() for layer in dense),
        squashed=squashed,
    )


def _array(tensor: torch.Tensor) -> Features:
    array: Features = tensor.detach().numpy()
    return array


def _digest(weights: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].detach().contiguous().numpy().tobytes())
    return digest.hexdigest()
