# %% [markdown]
# # A kept backtest, read
# `python backtest_pipeline.py` keeps each run in a folder under STATE_DIR/backtests (`state/backtests`).
# Open this file as a notebook (VS Code, Jupytext), or run it: `python docs/examples/read_backtest.py FOLDER`.

# %%
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd


def newest() -> Path:
    """Return the folder of the newest run."""
    return max(Path("state/backtests").glob("*/run.json"), key=lambda path: path.stat().st_mtime).parent


folder = Path(sys.argv[1]) if len(sys.argv) > 1 and Path(sys.argv[1]).is_dir() else newest()
run = json.loads((folder / "run.json").read_text())
equity = pd.read_parquet(folder / "equity.parquet").set_index("session")
trades = pd.read_parquet(folder / "trades.parquet")
print(run["verdict"])

# %% [markdown]
# ## The curve, and its figures computed anew
# `equity` has the strategy, its benchmarks and quantiles of the random books, each from 1. A library that wants
# daily returns, such as quantstats, takes `returns`.

# %%
returns = equity["strategy"].pct_change().dropna()
figures = run["report"]["windows"][0]["table"]["strategy"]
total_return = equity["strategy"].iloc[-1] - 1
drawdown_max = (equity["strategy"] / equity["strategy"].cummax() - 1).min()
assert np.isclose(total_return, figures["total_return"])
assert np.isclose(drawdown_max, figures["drawdown_max"])
print(f"return {total_return:+.1%}, worst fall {drawdown_max:.1%}, Sharpe over bills {figures['sharpe']:.2f}")

# %% [markdown]
# ## Could chance do it?
# On which share of the sessions does the strategy stand above the median random book, and above nine in ten?

# %%
for quantile in ("random_p50", "random_p95"):
    print(f"above {quantile}: {(equity['strategy'] > equity[quantile]).mean():.0%} of the sessions")

# %% [markdown]
# ## Which exits earned, which cost

# %%
by_rule = trades.groupby("exit_rule")["profit_usd"].agg(["count", "sum", "mean"]).sort_values("sum")
print(by_rule.round(2).to_string())

# %% [markdown]
# ## The worst falls, and what was unseen

# %%
print(pd.DataFrame(run["drawdowns"]).head().to_string())
for window in run["report"]["windows"]:
    seen = "seen" if window["seen"] else "not seen"
    print(f"{window['name']}: {window['first']} to {window['last']}, {seen} when the settings were chosen")
