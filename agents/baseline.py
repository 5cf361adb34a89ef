"""The yardstick: the universe in equal weight at a volatility target; three parameters and no forecast."""

from __future__ import annotations

import numpy as np

from config.allocation import BaselineSettings
from core.statistics import SESSIONS_PER_YEAR
from core.types import Floats


def baseline_weights(close: Floats, settings: BaselineSettings) -> Floats:
    """Return the same share of equity for every stock with a full window, scaled to the target volatility.

    The exposure is the mean of what each of the last `averaging_sessions` sessions asked for: min(1, target over
    the volatility of the equal-weight portfolio in the window up to that session).

    Parameters
    ----------
    close : ndarray of float64, shape (volatility_sessions + averaging_sessions, N)
        The last closes.

    Returns
    -------
    ndarray of float64, shape (N,)
        Shares of equity, summing to at most 1; 0 for a stock with a gap.
    """
    moves = close[1:] / close[:-1] - 1.0
    full = np.isfinite(moves).all(axis=0)
    if not full.any():
        return np.zeros(close.shape[1])
    even = np.where(full, 1.0 / full.sum(), 0.0)
    portfolio = np.nan_to_num(moves) @ even
    windows = np.lib.stride_tricks.sliding_window_view(portfolio, settings.volatility_sessions)
    volatility = windows.std(axis=1, ddof=1) * np.sqrt(SESSIONS_PER_YEAR)
    asked = np.divide(
        settings.target_volatility_pct, volatility, out=np.zeros_like(volatility), where=volatility > 0
    )
    return np.asarray(even * np.minimum(asked, 1.0).mean())
