"""The environment as stable-baselines3's VecEnv."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from models.rl.batch import PositionBatch, Rules, observation_bounds
from models.rl.market import Features, RlMarket

ALL = slice(None)
Infos = list[dict[str, Any]]
Indices = int | Iterable[int] | None


def _spaces(batch: PositionBatch) -> tuple[spaces.Box, spaces.Box]:
    low, high = observation_bounds(batch.width)
    return spaces.Box(low, high, dtype=np.float32), spaces.Box(-1.0, 1.0, (1,), dtype=np.float32)


class PositionVecEnv(VecEnv):  # type: ignore[misc]  # stable_baselines3 ships no types to mypy
    """n environments stepped as one batch of array operations.

    Parameters
    ----------
    count : int
        n, how many environments.
    """

    render_mode = None

    def __init__(self, market: RlMarket, rules: Rules, count: int) -> None:
        self.batch = PositionBatch(market, rules, count)
        super().__init__(count, *_spaces(self.batch))
        self._rng = np.random.default_rng()
        self._no_infos: Infos = [{} for _ in range(count)]
        self._actions = np.zeros(count)

    def reset(self) -> Features:
        """Start every environment anew; a seed given before sets the random numbers."""
        if self._seeds[0] is not None:
            self._rng = np.random.default_rng(self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        self.batch.restart(ALL, self._rng)
        return self.batch.observe()

    def step_async(self, actions: NDArray[np.floating]) -> None:
        """Take the next target positions, shape (n, 1)."""
        self._actions = np.asarray(actions, dtype=np.float64).reshape(self.num_envs)

    def step_wait(self) -> tuple[Features, NDArray[np.float32], NDArray[np.bool_], Infos]:
        """Step all; those whose episode is over start anew and leave their last observation in their info."""
        rewards, over = self.batch.step(self._actions)
        observations, infos = self.batch.observe(), self._no_infos
        if over.any():
            observations, infos = self._start_over(observations, np.flatnonzero(over))
        return observations, rewards.astype(np.float32), over, infos

    def _start_over(self, observations: Features, ended: NDArray[np.intp]) -> tuple[Features, Infos]:
        infos = self._no_infos.copy()
        for place, last in zip(ended.tolist(), observations[ended], strict=True):
            infos[place] = {"TimeLimit.truncated": True, "terminal_observation": last}
        self.batch.restart(ended, self._rng)
        return self.batch.observe(), infos

    def close(self) -> None:
        """Hold nothing that needs closing."""

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """Give an attribute, the same for every environment."""
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Refuse: the environments are one batch and have no attributes of their own."""
        raise NotImplementedError(f"{attr_name}: the environments of a batch are set when it is made")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Indices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Refuse: the environments are one batch and have no methods of their own."""
        raise NotImplementedError(f"{method_name}: the environments of a batch have no methods of their own")

    def env_is_wrapped(
        self, wrapper_class: type[gym.Wrapper[Any, Any, Any, Any]], indices: Indices = None
    ) -> Sequence[bool]:
        """Return False for each: none is wrapped."""
        del wrapper_class
        return [False for _ in self._get_indices(indices)]
