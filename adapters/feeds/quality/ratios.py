"""The ratios by which a vendor's prices are wrong: units of ten and hundred, and splits of whole numbers."""

from __future__ import annotations

import numpy as np

from core.types import Floats

UNITS = np.log(10.0 ** np.arange(2, 7))  # pence for pounds, and worse: no market moves so
SPLITS = np.log(
    [5 / 4, 4 / 3, 3 / 2, 5 / 3, 2, 5 / 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50, 75]
)  # fmt: skip
UNIT_LOGS = np.concatenate([UNITS, -UNITS])
SPLIT_LOGS = np.concatenate([SPLITS, -SPLITS])


def nearest(opening: float, closing: float, ratios: Floats, tolerances: tuple[float, float]) -> float:
    """Give the log ratio that both the open and the close are near; NaN when there is none, or two.

    Parameters
    ----------
    opening, closing : float
        Log of the open and of the close over the previous close.
    ratios : ndarray of float64
        Logs to choose from.
    tolerances : tuple of float
        How far off the open and the close may be, as logs.
    """
    off = np.abs(opening - ratios)
    best = int(np.argmin(off))
    if off[best] > tolerances[0] or abs(closing - ratios[best]) > tolerances[1]:
        return float("nan")
    clear = np.delete(off, best).min() > 2 * off[best]
    return float(ratios[best]) if clear else float("nan")
