"""Each bar judged by itself: incomplete, no price, contradicting itself, or only a little out of its range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from adapters.feeds.quality.rows import Flags
from core.types import BarPanel

ROUNDING_PCT_MAX = 1e-6  # rounding of adjusted prices, not a contradiction
WIDENED_PCT_MAX = 0.01  # a late print outside the range; above it, something is wrong
OPENING_PCT_MAX = 0.05  # an opening auction outside the range of the session's trading, its close inside

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
    """Say of each bar by itself what is wrong with it, shape (T, N)."""
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
    """Widen ranges that a price lies outside of by a per cent at most, or the open alone by five.

    Returns
    -------
    BarPanel
        The panel itself where there is nothing to widen.
    ndarray of bool, shape (T, N)
        The bars widened.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        low = np.minimum(np.minimum(panel.open, panel.high), np.minimum(panel.low, panel.close))
        high = np.maximum(np.maximum(panel.open, panel.high), np.maximum(panel.low, panel.close))
        out = np.maximum(high - panel.high, panel.low - low) / np.abs(panel.close)
        inside = (panel.close <= panel.high) & (panel.close >= panel.low)
        most = np.where(inside, OPENING_PCT_MAX, WIDENED_PCT_MAX)
        odd = (out > ROUNDING_PCT_MAX) & (out <= most) & (low > 0)
    if not odd.any():
        return panel, odd
    wide = replace(panel, high=np.where(odd, high, panel.high), low=np.where(odd, low, panel.low))
    return wide, odd
