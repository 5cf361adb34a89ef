"""The 13 factors against TA-Lib's C functions alone, on the same panel, in turns.

Prints one JSON line. `ratio` is the median time of `raw_factors` over the median time of the bare TA-Lib calls
that the factors stand on (on arrays already laid out for TA-Lib); `z_ms` and `atr_ms` come on top when a panel
is first seen by the FactorStore.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import talib

from core.types import BarPanel, Floats
from models.factors.table import SECTOR_ETF_OF, average_true_range, raw_factors, z_scores
from tests.panels import make_panel

SESSIONS, ROUNDS = 2500, 25


def talib_alone(fields: tuple[Floats, ...]) -> None:
    for high, low, close, volume in zip(*fields, strict=True):
        for sessions in (5, 21, 63):
            talib.ROCP(close, sessions)
        talib.RSI(close, 14)
        talib.MFI(high, low, close, volume, 14)
        talib.LINEARREG_SLOPE(talib.OBV(close, volume), 20)
        for _ in ("garman_klass", "amihud", "volume"):
            talib.SMA(close, 20)
        talib.ADX(high, low, close, 14)
        talib.BBANDS(close, 20, 2.0, 2.0)
        talib.MAX(high, 252)


def elapsed_ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


def measure(panel: BarPanel) -> dict[str, float]:
    laid_out = (panel.high, panel.low, panel.close, panel.volume)
    fields = tuple(np.ascontiguousarray(field.T) for field in laid_out)
    members = np.array([name in SECTOR_ETF_OF for name in panel.symbols], dtype=np.bool_)
    raw = raw_factors(panel)
    works: dict[str, Callable[[], object]] = {
        "factors_ms": lambda: raw_factors(panel),
        "talib_ms": lambda: talib_alone(fields),
        "z_ms": lambda: z_scores(raw, members),
        "atr_ms": lambda: average_true_range(panel),
    }
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            times[name].append(elapsed_ms(work))
    return {name: round(statistics.median(values), 2) for name, values in times.items()}


def main() -> None:
    panel = make_panel(1, SESSIONS)
    medians = measure(panel)
    ratio = round(medians["factors_ms"] / medians["talib_ms"], 2)
    line = {"name": "factors", "ratio": ratio, "limit": 2.0, "symbols": len(panel.symbols), "sessions": SESSIONS}
    print(json.dumps({**line, **medians}))


if __name__ == "__main__":
    main()
