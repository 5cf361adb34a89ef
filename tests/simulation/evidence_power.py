"""How soon a true edge is shown, and how often none is: the figures of decision 0012.

`python -m tests.simulation.evidence_power [FOLDER]`; with dated members in FOLDER, random books of them too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.evidence import SHOWN_MIN, evidence_paths
from tests.unit.analysis.test_evidence import YEAR, clustered, noise, years_until_shown

YEARS = (1.0, 1.6, 2.0, 2.6, 3.0, 4.0, 5.0)
BOOKS, NAMES, COST_PER_SIDE = 1_000, 20, 0.0007


def power(sharpe: float, books: int = BOOKS) -> dict[float, float]:
    """Return the share of books with this true Sharpe ratio of the excess that are shown within so many years."""
    until = years_until_shown(evidence_paths(noise(5 * YEAR, books, sharpe, seed=21)))
    return {years: round(float((until <= years).mean()), 3) for years in YEARS}


def shown_ever(excess: NDArray[np.float64]) -> float:
    """Return the share of excess returns (T, books) whose evidence ever reaches the bar."""
    return round(float((evidence_paths(excess).max(axis=0) >= SHOWN_MIN).mean()), 4)


def in_runs(autocorrelation: float, books: int = BOOKS) -> NDArray[np.float64]:
    """Return excess returns (T, books) whose mean is 0 in the long run and that follow one another day by day."""
    out = np.random.default_rng(7).standard_t(5, (5 * YEAR, books))
    for row in range(1, len(out)):
        out[row] += autocorrelation * out[row - 1]
    return 0.005 * out


def random_books(folder: Path) -> NDArray[np.float64]:
    """Return the excess over equal weight (T, books) of monthly random books of members of the day, 2020-24."""
    import pandas as pd

    bars = pd.read_parquet(folder / "members_half_daily.parquet")
    closes = bars.pivot_table(index="date", columns="ticker", values="adj_close")
    closes = closes[pd.to_datetime(closes.index) >= pd.Timestamp("2019-12-31")]
    returns = closes.to_numpy()[1:] / closes.to_numpy()[:-1] - 1.0
    month_of_row = pd.to_datetime(closes.index[1:]).to_numpy().astype("datetime64[M]")
    listed = pd.read_parquet(folder / "members_half.parquet")
    month_listed = pd.to_datetime(listed["date"]).to_numpy().astype("datetime64[M]")
    tickers = listed["ticker"].to_numpy()
    dice, column = np.random.default_rng(5), {str(name): place for place, name in enumerate(closes.columns)}
    excess = np.zeros((len(returns), BOOKS))
    for month in np.unique(month_of_row):
        rows = np.flatnonzero(month_of_row == month)
        names = [column[name] for name in tickers[month_listed == month] if name in column]
        known = np.nan_to_num(returns[rows][:, names])
        picks = np.stack([dice.choice(len(names), NAMES, replace=False) for _ in range(BOOKS)])
        excess[rows] = known[:, picks].mean(axis=2) - known.mean(axis=1)[:, None]
        excess[rows[0]] -= 2 * COST_PER_SIDE * (1 - NAMES / len(names))
    return excess


def main(folder: Path | None) -> None:
    """Print the figures as JSON."""
    found: dict[str, object] = {f"power at Sharpe {sharpe}": power(sharpe) for sharpe in (1.0, 1.5, 2.0, 3.0)}
    found["2,000 books without skill, ever shown"] = shown_ever(clustered(5 * YEAR, 2_000, seed=31))
    for echo in (0.1, 0.2):
        found[f"1,000 books without skill, autocorrelation {echo} a day, ever shown"] = shown_ever(in_runs(echo))
    if folder is not None:
        books = random_books(folder)
        found["1,000 random books of dated members, ever shown"] = shown_ever(books)
        found["ever shown to be worse"] = shown_ever(-books)
    print(json.dumps(found, indent=1))  # a command prints


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
