"""Small synthetic panels for tests: seeded random walks of real universe symbols, with holes where asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.types import BarPanel
from tests.default_universe import UNIVERSE

FIELDS = ("open", "high", "low", "close", "volume")


def make_panel(
    seed: int = 0,
    sessions: int = 300,
    symbols: Sequence[str] = UNIVERSE,
    *,
    start: str = "2022-01-03",
    missing: Mapping[str, Sequence[tuple[int, int]]] | None = None,
) -> BarPanel:
    """Walk every symbol with the market (calm and stormy spells of 100 sessions), Monday to Friday.

    Parameters
    ----------
    missing : mapping of str to sequence of (first, last)
        Half-open stretches of rows without bars, per symbol: `{"COIN": [(0, 120)], "AAPL": [(50, 53)]}`.

    Returns
    -------
    BarPanel
        Sessions from `start`, each known at 21:00 UTC of its day.
    """
    rng = np.random.default_rng(seed)
    shape = (sessions, len(symbols))
    stormy = (np.arange(sessions) // 100) % 2 == 1
    market = rng.normal(0.0004, 1.0, sessions) * np.where(stormy, 0.02, 0.006)
    beta = rng.uniform(0.6, 1.4, len(symbols))
    drift = rng.normal(0.0, 0.0005, len(symbols))
    noise = rng.standard_t(4, shape) * rng.uniform(0.004, 0.012, len(symbols))
    noise[:, [name == "SPY" for name in symbols]] *= 0.1
    close = rng.uniform(20, 400, len(symbols)) * np.exp(np.cumsum(market[:, None] * beta + drift + noise, axis=0))
    open_ = close * np.exp(rng.normal(0, 0.004, shape))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.004, shape)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.004, shape)))
    volume = np.round(rng.uniform(1e6, 5e7, len(symbols)) * np.exp(rng.normal(0, 0.4, shape)))
    table = dict(zip(FIELDS, (open_, high, low, close, volume), strict=True))
    for name, stretches in (missing or {}).items():
        for first, last in stretches:
            for array in table.values():
                array[first:last, list(symbols).index(name)] = np.nan
    days: NDArray[np.datetime64] = np.busday_offset(
        np.datetime64(start, "D"), np.arange(sessions), roll="forward"
    )
    known_at: NDArray[np.datetime64] = (days + np.timedelta64(21, "h")).astype("datetime64[us]")
    return BarPanel(sessions=days, known_at=known_at, symbols=tuple(symbols), **table)


def with_future_changed(panel: BarPanel, row: int, seed: int = 99) -> BarPanel:
    """Give a panel whose bars after `row` are another history's (positive, consistent, different)."""
    other = make_panel(seed, len(panel.sessions), panel.symbols)
    keep = (np.arange(len(panel.sessions)) <= row)[:, None]
    changed = {name: np.where(keep, getattr(panel, name), getattr(other, name)) for name in FIELDS}
    return replace(panel, **changed)


def columns_of(panel: BarPanel, names: Sequence[str]) -> NDArray[np.intp]:
    """Give the column index of each name."""
    return np.array([panel.column[name] for name in names])
