"""The task of a training process and its result, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from config.trading import RlSettings
from models.rl.market import RlMarket


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingTask:
    """What one training needs, as plain data.

    Attributes
    ----------
    fitted, stopping, judged : RlMarket
        Sessions to learn from, to choose when to stop, and to judge; in this order and apart.
    """

    member: str
    seed: int
    timesteps: int
    settings: RlSettings
    fitted: RlMarket
    stopping: RlMarket
    judged: RlMarket


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """The result of one training.

    Attributes
    ----------
    model : bytes
        Stable-baselines3's own zip, with the kept weights.
    weights_digest : str
        SHA-256 over every parameter of the policy by name: equal seeds give equal digests.
    steps : int
        Steps trained before it stopped.
    stopping_sharpe : float
        Of the kept weights on the stopping sessions: chosen on, so no measure of worth.
    judged : mapping of str to float
        `sharpe`, `return`, `exposure` and `chance_p` on sessions that nothing was chosen on.
    """

    member: str
    seed: int
    model: bytes
    actor: bytes
    weights_digest: str
    steps: int
    stopping_sharpe: float
    judged: Mapping[str, float]
