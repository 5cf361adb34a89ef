"""Single prices of a bar in another unit: a high in pence beside a close in pounds."""

from __future__ import annotations

import numpy as np

from adapters.feeds.quality.rows import CLOSE, Series
from core.types import Floats

SPREAD_MIN = np.log(10.0)  # no stock moves so within a session
NEIGHBOURS = 5
OFF_MAX = np.log(1.5)
FACTORS = np.array([1.0, 100.0, 0.01, 1000.0, 0.001])


def repair_cells(series: Series) -> None:
    """Bring single prices that are off by a unit into line with their bar and its neighbours, and say so."""
    spread = np.log(series.prices.max(axis=1) / series.prices.min(axis=1))
    for row in np.flatnonzero(spread > SPREAD_MIN):
        usual = _usual(series, int(row))
        if np.isnan(usual):
            continue
        off = np.abs(np.log(series.prices[row][:, None] * FACTORS / usual))
        factor = FACTORS[off.argmin(axis=1)]
        if (off.min(axis=1) <= OFF_MAX).all():
            series.prices[row] *= factor
            factors = ", ".join(f"{value:g}" for value in factor if value != 1.0)
            series.report(int(row), f"a single price in another unit, multiplied by {factors}")


def _usual(series: Series, row: int) -> float:
    first, end = series.bounds(row)
    near = np.r_[max(first, row - NEIGHBOURS) : row, row + 1 : min(end, row + 1 + NEIGHBOURS)]
    closes: Floats = series.prices[near, CLOSE]
    middle = float(np.median(series.prices[row]))
    if not len(closes):
        return float("nan")
    ordered = closes[np.argsort(np.abs(np.log(closes / middle)))]
    usual: float = np.median(ordered[: max(1, len(ordered) // 2 + 1)])
    return float(usual)
