"""What speaks against the `diversified` profile, as markdown: costs, names left out, other years, neighbours.

Each row is the committed backtest with something changed. The ranker has no weight in this book, so none is
trained: the equity is the same with it. About 3 minutes; `--jobs 2` halves it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from analysis.bill_rate import with_interest
from analysis.curves import simple_returns, worst_drawdown
from analysis.overfitting import overfitting_probability
from backtest.app.executors import executor_of, run_all, share
from backtest.app.settings import BacktestSpec, settings_of, with_changes
from backtest.app.strategies import load_panel, run_under
from backtest.app.study import bills_of, market_of
from backtest.market import YARDSTICK, benchmark_curves
from backtest.runner import Run
from backtest.spans import windows_of
from config.environment import read_environment
from config.universe import DEFAULT
from core.statistics import sharpe_ratio
from core.types import BarPanel, Floats

DATA = Path(__file__).parents[2] / "shared" / "data" / "universe_daily.parquet"
START, END = date(2019, 1, 2), date(2025, 2, 28)
BEFORE_START, BEFORE_END = date(2017, 10, 2), date(2018, 12, 31)
BEFORE = {"trading.quant.window_months": 6}  # the ranker's window; it is what keeps a start from being earlier
COSTS = ("trading.broker.spread_bps", "trading.broker.slippage_bps")
DIVERSIFIED = "trading.synthesizer.diversified."
TICKERS = "trading.watchlist.tickers"
INNOVATION = ("TSLA", "COIN", "SHOP", "ROKU")
LOOKBACKS, SHRINKAGES = ([126], [252], [126, 252]), (0.1, 0.25, 0.5)
Change = Mapping[str, Any]
VARIANTS: Mapping[str, Change] = {
    "as shipped (3.5 bps a trade)": {},
    "10 bps": dict(zip(COSTS, (0.0, 10.0), strict=True)),
    "20 bps": dict(zip(COSTS, (0.0, 20.0), strict=True)),
    "without TSLA": {TICKERS: [name for name in DEFAULT.stocks if name != "TSLA"]},
    "without TSLA, COIN, SHOP and ROKU": {TICKERS: [name for name in DEFAULT.stocks if name not in INNOVATION]},
    "lookback 252 alone": {DIVERSIFIED + "lookback_sessions": [252]},
}


def runs_of(spec: BacktestSpec, panel: BarPanel, changes: list[Change], executor: Executor | None) -> list[Run]:
    """Run the pipeline under each change."""
    base = settings_of(spec)
    ground = ("pipeline", share(executor, spec), share(executor, panel), "parquet", ())
    asked = [(*ground, with_changes(base, change)) for change in changes]
    return list(run_all(executor, run_under, asked, lambda done, of: print(f"{done} of {of}", file=sys.stderr)))


def yardstick(spec: BacktestSpec, panel: BarPanel, change: Change, run: Run) -> Floats:
    """The equal-weight book of the same names at 12 % volatility, at the same costs: equity from 1."""
    days = panel.sessions.astype("datetime64[D]")
    first, last = np.searchsorted(days, run.sessions[[0, -1]])
    market = market_of(panel, with_changes(settings_of(spec), change), int(first), int(last))
    return benchmark_curves(market)[YARDSTICK]


def cell(equity: Floats, bills: Floats) -> str:
    """Sharpe ratio over the bill rate and worst drawdown."""
    return f"{sharpe_ratio(simple_returns(equity) - bills[1:]) or 0.0:.2f}, {worst_drawdown(equity).depth:.0%}"


def rows(spec: BacktestSpec, panel: BarPanel, variants: Mapping[str, Change], runs: list[Run]) -> list[str]:
    """One markdown row a variant: each window's book and its yardstick."""
    out = []
    for (name, change), run in zip(variants.items(), runs, strict=True):
        even, cells = yardstick(spec, panel, change, run), []
        bills = bills_of(run, settings_of(spec).trading)
        own = with_interest(run.equity, run.exposure, bills)
        for window in windows_of(run.sessions):
            part = slice(window.first - 1, window.last + 1)
            cells += [cell(own[part], bills[part]), cell(even[part], bills[part])]
        out.append(f"| {name} | {' | '.join(cells)} |")
    return out


def neighbours() -> list[Change]:
    """The declared settings beside the shipped ones."""
    names = [DIVERSIFIED + part for part in ("lookback_sessions", "shrinkage")]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(LOOKBACKS, SHRINKAGES)]


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--feed", default=f"parquet:{DATA}")
    wanted.add_argument("--jobs", type=int, default=1)
    asked = wanted.parse_args()
    spec = BacktestSpec(start=START, end=END, feed=asked.feed, profile="diversified")
    before = replace(spec, start=BEFORE_START, end=BEFORE_END, changes=BEFORE)
    panel, _ = load_panel(replace(spec, start=BEFORE_START), read_environment({}), datetime.now(UTC))
    with executor_of(asked.jobs) as executor:
        runs = runs_of(spec, panel, list(VARIANTS.values()), executor)
        early = runs_of(before, panel, [{}], executor)
        beside = runs_of(spec, panel, neighbours(), executor)
    assert all(run.fills for run in (*runs, *early, *beside))
    print(
        "Sharpe ratio and worst drawdown, each beside the equal-weight book of the same names at 12 % volatility."
    )
    print_table([window.name for window in windows_of(runs[0].sessions)], rows(spec, panel, VARIANTS, runs))
    print_table(
        [f"{early[0].sessions[1]} to {early[0].sessions[-1]}, not used for the choice"],
        rows(before, panel, {"as shipped": {}}, early),
    )
    print(overfitting(beside))


def print_table(spans: list[str], body: list[str]) -> None:
    """Print a markdown table of spans, two columns each."""
    print(f"\n| | {' | '.join(f'{span} | equal weight' for span in spans)} |")
    print(f"|---|{'--:|' * (2 * len(spans))}")
    print("\n".join(body))


def overfitting(beside: list[Run]) -> str:
    """Say how likely the best of the neighbours is luck."""
    returns = [simple_returns(run.equity) for run in beside]
    found = overfitting_probability(np.column_stack(returns))
    sharpes = sorted(sharpe_ratio(one) or 0.0 for one in returns)
    told = f"{found.probability:.0%}" if found else "not known"
    span = f"Sharpe {sharpes[0]:.2f} to {sharpes[-1]:.2f} over the whole span"
    return f"\n{len(beside)} neighbours: {span}; probability of backtest overfitting among them {told}."


if __name__ == "__main__":
    main()
