"""What a symbol's daily bars say about its next price: the last close, and how far it moves in a session."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from core.types import BarPanel

SESSIONS = 63
RETURNS_MIN = 20
VOLATILITY_UNKNOWN = 0.03
NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution, in median absolute deviations."""


class Reference(NamedTuple):
    """A symbol's last close, US dollars (None for none), and its robust daily volatility, a fraction."""

    close: float | None
    volatility: float


References = Callable[[str], Reference]
UNKNOWN = Reference(None, VOLATILITY_UNKNOWN)


def references_of(bars: BarPanel) -> References:
    """Look up each symbol's last close and volatility: 1.4826 times the median absolute deviation of its returns.

    The median absolute deviation of 63 log returns hardly sees the few days of a crash or of news, so what was
    plausible before them stays so. With fewer than 20 returns a volatility of 3 % is assumed.
    """
    closes = bars.close[-SESSIONS - 1 :]
    if not len(closes):
        return lambda _: UNKNOWN
    known = np.isfinite(closes) & (closes > 0)
    returns = np.diff(np.log(np.where(known, closes, np.nan)), axis=0)
    counts = np.isfinite(returns).sum(axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without returns: NaN, as it should
        deviations = np.nanmedian(np.abs(returns - np.nanmedian(returns, axis=0)), axis=0)
    volatility = np.where(counts >= RETURNS_MIN, NORMAL_MAD * deviations, VOLATILITY_UNKNOWN).tolist()
    rows = np.where(known, np.arange(len(closes))[:, None], -1).max(axis=0)
    last = closes[rows, np.arange(closes.shape[1])].tolist()
    made = [Reference(last[i] if rows[i] >= 0 else None, volatility[i]) for i in range(len(last))]
    return lambda symbol: made[bars.column[symbol]] if symbol in bars.column else UNKNOWN
