"""The batch environment against a slow reference, stable-baselines3's conventions and gymnasium's checker."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

import gymnasium as gym
from gymnasium.utils.env_checker import check_env as check_with_gymnasium
from stable_baselines3.common.env_checker import check_env as check_with_sb3
from stable_baselines3.common.vec_env import DummyVecEnv, VecCheckNan, VecMonitor

from core.errors import DataError
from models.rl.batch import PositionBatch, Rules, observation_bounds, possible_starts
from models.rl.env import PositionVecEnv
from models.rl.market import RlMarket
from tests.rl_markets import make_market

RULES = Rules(lowest=0.0, cost=0.0005, drawdown_penalty=0.2, episode_sessions=17)
LONG_AND_SHORT = Rules(lowest=-1.0, cost=0.001, drawdown_penalty=0.0, episode_sessions=9)


def space(width: int) -> gym.spaces.Box:
    low, high = observation_bounds(width)
    return gym.spaces.Box(low, high, dtype=np.float32)


class PositionEnv(gym.Env[Any, Any]):
    """One environment of the batch's code, as gymnasium has it: the oracle of the batch."""

    def __init__(self, market: RlMarket, rules: Rules) -> None:
        self.batch = PositionBatch(market, rules, 1)
        observed, acted = (space(self.batch.width), gym.spaces.Box(-1.0, 1.0, (1,), dtype=np.float32))
        self.observation_space = cast(Any, observed)
        self.action_space = cast(Any, acted)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start at a random ticker and session."""
        super().reset(seed=seed, options=options)
        self.batch.restart(slice(None), self.np_random)
        return self.batch.observe()[0], {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take a target position; an episode is cut off, it never ends by itself."""
        rewards, over = self.batch.step(np.asarray(action, dtype=np.float64))
        return self.batch.observe()[0], float(rewards[0]), False, bool(over[0]), {}


class SlowEnvironment:
    """The same rules, written for one environment with scalars."""

    def __init__(self, market: RlMarket, rules: Rules, cell: int) -> None:
        self.market, self.rules = market, rules
        self.ticker, self.row = divmod(cell, market.known.shape[1])
        self.position, self.held, self.left = 0.0, 0, rules.episode_sessions
        self.equity, self.peak, self.drawdown = 1.0, 1.0, 0.0

    def observation(self) -> list[float]:
        return [*self.market.features[self.ticker, self.row], self.position, min(self.held, 63) / 63]

    def step(self, action: float) -> tuple[float, bool]:
        target = min(1.0, max(self.rules.lowest, action))
        earned = target * self.market.returns[self.ticker, self.row]
        gain = earned - self.rules.cost * abs(target - self.position)
        self.equity *= 1 + gain
        self.peak = max(self.peak, self.equity)
        drawdown = 1 - self.equity / self.peak
        penalty = self.rules.drawdown_penalty * max(0.0, drawdown - self.drawdown)
        if abs(target) < 0.05:
            self.held = 0
        elif abs(self.position) >= 0.05 and (target > 0) == (self.position > 0):
            self.held += 1
        else:
            self.held = 1
        self.position, self.drawdown = target, drawdown
        self.row += 1
        self.left -= 1
        return 100 * (gain - penalty), self.left == 0


@pytest.mark.parametrize("rules", [RULES, LONG_AND_SHORT])
def test_the_batch_equals_the_slow_reference_step_by_step(rules: Rules) -> None:
    market = make_market(1, holes=0.01)
    env = PositionVecEnv(market, rules, 23)
    env.seed(5)
    seen = env.reset()
    slow = [SlowEnvironment(market, rules, cell) for cell in env.batch.cell.tolist()]
    rng, ended, traded = np.random.default_rng(2), 0, 0.0
    for _ in range(60):
        np.testing.assert_allclose(seen, [one.observation() for one in slow], rtol=1e-6)
        actions = np.where(rng.uniform(size=(23, 1)) < 0.2, 0.0, rng.uniform(-1.2, 1.2, (23, 1)))
        seen, rewards, over, infos = env.step(actions)
        expected = [one.step(float(action[0])) for one, action in zip(slow, actions, strict=True)]
        np.testing.assert_allclose(rewards, [reward for reward, _ in expected], rtol=1e-5, atol=1e-6)
        assert over.tolist() == [end for _, end in expected]
        traded += float(np.abs(rewards).sum())
        for place in np.flatnonzero(over):
            np.testing.assert_allclose(infos[place]["terminal_observation"], slow[place].observation(), rtol=1e-6)
            assert infos[place]["TimeLimit.truncated"]
            slow[place] = SlowEnvironment(market, rules, int(env.batch.cell[place]))
            ended += 1
        assert all(not info for place, info in enumerate(infos) if not over[place])
    assert ended >= 23
    assert traded > 0


def test_the_batch_of_one_equals_sb3s_own_vectorization_of_the_single_environment() -> None:
    market = make_market(3)
    ours, theirs = PositionVecEnv(market, RULES, 1), DummyVecEnv([lambda: PositionEnv(market, RULES)])
    ours.seed(11)
    theirs.seed(11)
    np.testing.assert_array_equal(ours.reset(), theirs.reset())
    rng, ended = np.random.default_rng(0), 0
    for _ in range(100):
        action = rng.uniform(-1, 1, (1, 1)).astype(np.float32)
        mine, other = ours.step(action), theirs.step(action)
        for a, b in zip(mine[:3], other[:3], strict=True):
            np.testing.assert_array_equal(a, b)
        assert mine[3][0].get("TimeLimit.truncated", False) == other[3][0]["TimeLimit.truncated"]
        ended += int(mine[2][0])
    assert ended > 3


def test_the_checkers_pass() -> None:
    env = PositionEnv(make_market(4), RULES)
    check_with_sb3(env)
    check_with_gymnasium(env, skip_render_check=True)


def test_sb3s_wrappers_work_on_the_batch() -> None:
    env = VecMonitor(VecCheckNan(PositionVecEnv(make_market(6), RULES, 8), raise_exception=True))
    seen = env.reset()
    episodes: list[dict[str, Any]] = []
    for _ in range(40):
        assert seen.dtype == np.float32
        assert all(env.observation_space.contains(one) for one in seen)
        seen, _, _, infos = env.step(np.array([env.action_space.sample() for _ in range(8)]))
        episodes += [info["episode"] for info in infos if "episode" in info]
    assert len(episodes) == 16
    assert {episode["l"] for episode in episodes} == {RULES.episode_sessions}
    assert env.env_is_wrapped(VecMonitor) == [False] * 8
    assert env.get_attr("num_envs", [0, 1]) == [8, 8]


def test_an_observation_given_is_never_written_to_again() -> None:
    env = PositionVecEnv(make_market(7), RULES, 4)
    first = env.reset()
    kept = first.copy()
    for _ in range(30):
        env.step(np.ones((4, 1)))
    np.testing.assert_array_equal(first, kept)


def test_equal_seeds_give_equal_walks() -> None:
    market = make_market(8)
    walks = []
    for _ in range(2):
        env = PositionVecEnv(market, RULES, 5)
        env.seed(3)
        env.reset()
        walks.append([env.step(np.full((5, 1), 0.5))[1] for _ in range(50)])
    np.testing.assert_array_equal(walks[0], walks[1])


def test_episodes_start_only_where_all_is_known() -> None:
    market = make_market(9, holes=0.02)
    starts = possible_starts(market, 17)
    tickers, rows = np.unravel_index(starts, market.known.shape)
    expected = [
        (ticker, row)
        for ticker in range(4)
        for row in range(200 - 17)
        if market.priced[ticker, row : row + 17].all() and market.known[ticker, row + 17]
    ]
    assert len(expected) > 50
    assert list(zip(tickers.tolist(), rows.tolist(), strict=True)) == expected


def test_too_little_history_is_said() -> None:
    with pytest.raises(DataError, match="18 sessions in a row"):
        possible_starts(make_market(sessions=18), 17)
