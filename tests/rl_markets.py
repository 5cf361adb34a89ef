"""Small RL markets for tests: random features, holes where asked, and a planted lesson where asked."""

from __future__ import annotations

import numpy as np

from models.rl.batch import OWN_FEATURES
from models.rl.market import RlMarket
from models.rl.policy import Actor

WIDTH = 13 + 1


def make_market(
    seed: int = 0, tickers: int = 4, sessions: int = 200, *, holes: float = 0.0, training_spec: float = 0.0
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
    returns = training_spec * 0.01 * features[:, :, 0] + (1 - training_spec) * noise
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
