"""Many positions stepped at once as arrays: the one home of the environment's rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.trading import RlSettings
from core.errors import DataError
from core.types import Floats
from models.rl.market import Features, RlMarket

HELD_SESSIONS_MAX = 63
FLAT_POSITION_MAX = 0.05
PERCENT = 100.0
OWN_FEATURES = 2
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a position costs and where it may stand.

    Attributes
    ----------
    lowest : float
        Lowest position: 0 for long only, else -1.
    cost : float
        Paid on what is traded, as a fraction.
    drawdown_penalty : float
        Times each new drawdown, taken off the reward.
    """

    lowest: float
    cost: float
    drawdown_penalty: float
    episode_sessions: int

    @classmethod
    def of(cls, settings: RlSettings) -> Rules:
        """Read the rules from the settings."""
        return cls(
            lowest=0.0 if settings.long_only else -1.0,
            cost=settings.cost_bps / 10_000,
            drawdown_penalty=settings.drawdown_penalty,
            episode_sessions=settings.episode_sessions,
        )


def held_after(held: Whole, before: Floats, after: Floats) -> Whole:
    """Count the sessions a position has stood on its side (long or short); 0 while it is flat."""
    side = side_of(after)
    return np.where(side == 0, 0, np.where(side == side_of(before), held + 1, 1))


def side_of(position: Floats) -> Floats:
    """Return 1 for long, -1 for short, 0 for within 0.05 of none."""
    side: Floats = np.sign(position) * (np.abs(position) >= FLAT_POSITION_MAX)
    return side


def held_feature(held: Whole) -> Floats:
    """Scale the time held to [0, 1]; 63 sessions and more are 1."""
    feature: Floats = np.minimum(held, HELD_SESSIONS_MAX) / HELD_SESSIONS_MAX
    return feature


def possible_starts(market: RlMarket, episode_sessions: int) -> NDArray[np.intp]:
    """List where an episode may start: every session of it priced, the one after it known.

    Returns
    -------
    ndarray of int
        Places in the market's flattened (ticker, session) grid.

    Raises
    ------
    DataError
        When there is none.
    """
    tickers, sessions = market.known.shape
    found = np.zeros((tickers, sessions), dtype=np.bool_)
    starts = sessions - episode_sessions
    if starts > 0:
        gaps = np.zeros((tickers, sessions + 1), dtype=np.int64)
        np.cumsum(~market.priced, axis=1, out=gaps[:, 1:])
        whole = gaps[:, episode_sessions : sessions + 1] == gaps[:, : starts + 1]
        found[:, :starts] = whole[:, :starts] & market.known[:, episode_sessions:]
    if not found.any():
        raise DataError(
            f"No ticker has {episode_sessions + 1} sessions in a row with all factors in the window to train on.",
            hint="Train on tickers with more history, or raise data.history_years.",
        )
    return np.flatnonzero(found)


class PositionBatch:
    """n positions, each in one ticker for one episode.

    Reward, in percent: position times its return, less costs on what was traded, less the penalty on a new
    drawdown of the episode's equity.

    Parameters
    ----------
    count : int
        n, how many are stepped at once.
    """

    def __init__(self, market: RlMarket, rules: Rules, count: int) -> None:
        self.rules = rules
        self._starts = possible_starts(market, rules.episode_sessions)
        cells = market.known.size
        self._table = np.zeros((cells, market.features.shape[2] + OWN_FEATURES), dtype=np.float32)
        self._table[:, :-OWN_FEATURES] = market.features.reshape(cells, -1)
        self._returns = market.returns.ravel()
        self.cell = np.zeros(count, dtype=np.intp)
        self.position = np.zeros(count)
        self.held = np.zeros(count, dtype=np.int64)
        self._left = np.zeros(count, dtype=np.int64)
        self._equity, self._peak, self._drawdown = np.ones(count), np.ones(count), np.zeros(count)

    @property
    def width(self) -> int:
        """Features of an observation: the market's, the position, the time held."""
        return int(self._table.shape[1])

    def restart(self, which: NDArray[np.intp] | slice, rng: np.random.Generator) -> None:
        """Put these positions flat at random starts."""
        places = self.cell[which]
        self.cell[which] = self._starts[rng.integers(len(self._starts), size=len(places))]
        self._left[which] = self.rules.episode_sessions
        for array, value in ((self.position, 0), (self.held, 0), (self._drawdown, 0), (self._equity, 1)):
            array[which] = value
        self._peak[which] = 1

    def observe(self) -> Features:
        """Return a new array of each position's observation, shape (n, width)."""
        observations = self._table.take(self.cell, axis=0)
        observations[:, -2] = self.position
        observations[:, -1] = held_feature(self.held)
        return observations

    def step(self, actions: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Take target positions in [-1, 1], shape (n,); give rewards in percent and whose episode is over."""
        target = np.clip(actions, self.rules.lowest, 1.0)
        gain = target * self._returns.take(self.cell) - self.rules.cost * np.abs(target - self.position)
        self._equity *= 1 + gain
        np.maximum(self._peak, self._equity, out=self._peak)
        drawdown = 1 - self._equity / self._peak
        fallen = np.maximum(drawdown - self._drawdown, 0.0)
        self.held = held_after(self.held, self.position, target)
        self.position, self._drawdown = target, drawdown
        self.cell += 1
        self._left -= 1
        return PERCENT * (gain - self.rules.drawdown_penalty * fallen), self._left == 0


def observation_bounds(width: int) -> tuple[Features, Features]:
    """Return the lowest and highest observation, each of shape (width,)."""
    low, high = np.full(width, -3.0, dtype=np.float32), np.full(width, 3.0, dtype=np.float32)
    low[-3:], high[-3:] = (0.0, -1.0, 0.0), 1.0
    return low, high
