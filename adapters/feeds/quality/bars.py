"""Each bar judged by itself: incomplete, no price, contradicting itself, or only a little out of its range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from adapters.feeds.quality.rows import Flags
from core.types import BarPanel, Floats

ROUNDING_PCT_MAX = 1e-6  # rounding of adjusted prices, not a contradiction
WIDENED_PCT_MAX = 0.01  # an auction or a late print outside the range; above it, something is wrong

Codes = NDArray[np.int8]
FINE, MISSING, INCOMPLETE, PRICE, CONTRADICTION, VOLUME, JUMP, QUARANTINED = range(8)
REASONS = {
    MISSING: "no bar",
    INCOMPLETE: "an incomplete bar",
    PRICE: "a price that is not positive",
    CONTRADICTION: "open, high, low and close that contradict each other",
    VOLUME: "negative volume",
    JUMP: "a jump like an unadjusted split or another unit",
}


def bar_codes(panel: BarPanel) -> Codes:
    """Judge each bar by itself, shape (T, N)."""
    prices = np.stack([panel.open, panel.high, panel.low, panel.close])
    absent = np.isnan(prices)
    slack = ROUNDING_PCT_MAX * np.abs(panel.close)
    codes = np.full(panel.close.shape, FINE, dtype=np.int8)
    with np.errstate(invalid="ignore"):  # NaN compares false, which is meant
        codes[panel.volume < 0] = VOLUME
        codes[(panel.high < prices.max(axis=0) - slack) | (panel.low > prices.min(axis=0) + slack)] = (
            CONTRADICTION
        )
        codes[(prices <= 0).any(axis=0) | np.isinf(prices).any(axis=0)] = PRICE
    codes[absent.any(axis=0) | ~np.isfinite(panel.volume)] = INCOMPLETE
    codes[absent.all(axis=0)] = MISSING
    return codes


def widened(panel: BarPanel) -> tuple[BarPanel, Flags]:
    """Widen ranges that the open or close lies outside of by a per cent at most.

    Returns
    -------
    BarPanel
        The panel itself where there is nothing to widen.
    ndarray of bool, shape (T, N)
        The bars widened.
    """
    with np.errstate(invalid="ignore"):
        low, high = _outer(panel, np.minimum), _outer(panel, np.maximum)
        over, under = high - panel.high, panel.low - low
        slack = ROUNDING_PCT_MAX * np.abs(panel.close)
        most = WIDENED_PCT_MAX * np.abs(panel.close)
        odd = ((over > slack) | (under > slack)) & (over <= most) & (under <= most) & (low > 0)
    if not odd.any():
        return panel, odd
    return replace(
        panel, high=np.where(odd, high, panel.high), low=np.where(odd, low, panel.low)
    ), odd  # fmt: skip


def _outer(panel: BarPanel, pick: np.ufunc) -> Floats:
    out: Floats = pick.reduce([panel.open, panel.high, panel.low, panel.close])
    return out
