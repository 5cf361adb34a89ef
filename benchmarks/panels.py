"""Made-up daily bars: seeded random walks with one market in common, for timing only."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.types import BarPanel

FIELDS = ("open", "high", "low", "close", "volume")


def random_panel(seed: int, sessions: int, symbols: Sequence[str], *, start: str = "2014-01-02") -> BarPanel:
    """Walk every symbol with the market, Monday to Friday; calm and stormy spells of 100 sessions take turns."""
    dice, shape = np.random.default_rng(seed), (sessions, len(symbols))
    spell = np.where(np.arange(sessions) // 100 % 2, 0.02, 0.006)
    market = dice.normal(0.0004, 1.0, sessions) * spell
    steps = market[:, None] * dice.uniform(0.6, 1.4, len(symbols)) + 0.008 * dice.standard_t(4, shape)
    close = dice.uniform(20, 400, len(symbols)) * np.exp(np.cumsum(steps, axis=0))
    opening = close * np.exp(dice.normal(0, 0.004, shape))
    high = np.maximum(opening, close) * (1 + np.abs(dice.normal(0, 0.004, shape)))
    low = np.minimum(opening, close) / (1 + np.abs(dice.normal(0, 0.004, shape)))
    volume = np.round(2e7 * np.exp(dice.normal(0, 0.4, shape)))
    days = np.busday_offset(np.datetime64(start, "D"), np.arange(sessions), roll="forward")
    known_at = (days + np.timedelta64(21, "h")).astype("datetime64[us]")
    arrays = dict(zip(FIELDS, (opening, high, low, close, volume), strict=True))
    return BarPanel(sessions=days, known_at=known_at, symbols=tuple(symbols), **arrays)
