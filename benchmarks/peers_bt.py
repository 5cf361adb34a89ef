"""The rules of `bench_step.py` in bt (github.com/pmorissette/bt), for comparison; run by it.

`python benchmarks/peers_bt.py BARS.npz` prints one JSON line. bt trades at the close it decides on; a stop is
judged and traded at the close.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

import bt
import numpy as np
import pandas as pd

NAMES, EVERY, LOOK_BACK, STOP, TARGET, COST = 10, 5, 21, -0.03, 0.05, 0.0010


class Stops(bt.Algo):  # type: ignore[misc]  # bt ships no types
    """Close what lies 3 % below or 5 % above its entry."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[str, float] = {}

    def __call__(self, target: Any) -> bool:
        for name, child in target.children.items():
            if child.position and name in self.entries:
                gained = child.price / self.entries[name] - 1
                if gained <= STOP or gained >= TARGET:
                    target.close(name)
                    del self.entries[name]
        return True


class Note(bt.Algo):  # type: ignore[misc]  # bt ships no types
    """Remember the price a position was opened at."""

    def __init__(self, stops: Stops) -> None:
        super().__init__()
        self.stops = stops

    def __call__(self, target: Any) -> bool:
        held = {name: child.price for name, child in target.children.items() if child.position}
        self.stops.entries = {name: self.stops.entries.get(name, price) for name, price in held.items()}
        return True


def main() -> None:
    bars = np.load(sys.argv[1], allow_pickle=False)
    prices = pd.DataFrame(bars["close"], index=pd.DatetimeIndex(bars["sessions"]), columns=bars["symbols"])
    began, cpu = time.perf_counter(), time.process_time()
    stops = Stops()
    strategy = bt.Strategy(
        "top ten",
        [
            stops,
            bt.algos.RunEveryNPeriods(EVERY, offset=LOOK_BACK),
            bt.algos.SelectAll(),
            bt.algos.SetStat(prices / prices.shift(LOOK_BACK) - 1),
            bt.algos.SelectN(NAMES),
            bt.algos.WeighEqually(),
            bt.algos.Rebalance(),
            Note(stops),
        ],
    )
    test = bt.Backtest(
        strategy, prices, commissions=lambda q, p: abs(q) * p * COST, integer_positions=False, progress_bar=False
    )
    test.run()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    trades = int((test.strategy.outlays != 0).to_numpy().sum())
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "trades": trades, "rss_mb": rss_mb}))


if __name__ == "__main__":
    main()
