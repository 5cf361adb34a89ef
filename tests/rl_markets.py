"""Small RL markets for tests: random features, holes where asked, and a planted lesson where asked."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from models.rl.batch import OWN_FEATURES
from models.rl.card import MemberCard, OutOfSampleFigures, Window
from models.rl.market import RlMarket
from models.rl.policy import Actor

WIDTH = 13 + 1


def make_market(
    seed: int = 0, tickers: int = 4, sessions: int = 200, *, holes: float = 0.0, lesson: float = 0.0
) -> RlMarket:
    """Walk tickers by chance.

    Parameters
    ----------
    holes : float
        Share of cells that are not known.
    lesson : float
        How much of the next return the first feature tells, in [0, 1].
    """
    rng = np.random.default_rng(seed)
    shape = (tickers, sessions)
    features = np.clip(rng.normal(0, 1, (*shape, WIDTH)), -3, 3).astype(np.float32)
    features[:, :, -1] = rng.uniform(0, 1, sessions)
    known = rng.uniform(size=shape) >= holes
    features[~known] = 0.0
    noise = rng.normal(0, 0.01, shape)
    returns = lesson * 0.01 * features[:, :, 0] + (1 - lesson) * noise
    returns[:, -2:] = np.nan
    return RlMarket(
        tickers=tuple(f"T{i}" for i in range(tickers)),
        sessions=np.datetime64("2022-01-03") + np.arange(sessions),
        features=features,
        known=known,
        returns=returns,
    )


def make_actor(seed: int = 0, *, width: int = WIDTH + OWN_FEATURES, squashed: bool = False) -> Actor:
    """Give a network with random weights."""
    rng = np.random.default_rng(seed)
    sizes = [(width, 8), (8, 1)]
    return Actor(
        weights=tuple(rng.normal(0, 0.5, size).astype(np.float32) for size in sizes),
        biases=tuple(rng.normal(0, 0.1, size[1]).astype(np.float32) for size in sizes),
        squashed=squashed,
    )


def make_card(member: str = "ppo", seed: int = 0, **changes: Any) -> MemberCard:
    """Describe a member that was trained nowhere."""
    figures = OutOfSampleFigures(
        sessions=50, sharpe=0.5, total_return=0.1, exposure=0.5, chance_p=0.4, sharpe_by_seed={"7": 0.5},
        sharpe_mean=0.5, sharpe_spread=0.0, buy_and_hold_sharpe=0.4, equal_weight_sharpe=0.3,
    )  # fmt: skip
    window = Window(
        first="2020-01-02", last="2021-06-01", stopped_at="2021-12-01", judged_first="2021-12-10",
        labels_end="2022-06-01",
    )  # fmt: skip
    card = MemberCard(
        model_id=f"rl-{member}-{seed}", member=member, weights_digest=f"{seed:064x}", tickers=("KO",),
        window=window, seed=seed, steps=1_000, out_of_sample=figures, skilled=True, settings={"seeds": 1},
        libraries={"numpy": "2"},
    )  # fmt: skip
    return msgspec.structs.replace(card, **changes)
