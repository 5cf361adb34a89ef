"""Bench of the quality of bars: what of known and planted faults is repaired or left out, and what of sound bars.

    python benchmarks/bench_bars_quality.py ../shared/data [--trials 200] [--seed 7]

Three tables: pairs of broken series with their repaired twins, faults planted into sound series, and false alarms
on series with nothing wrong. A row counts as caught when it is left out or within half a per cent of the truth.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from adapters.calendar import NyseCalendar
from adapters.feeds.quality import Inspection, VendorRows, inspect, restate
from benchmarks.bar_faults import ANYWHERE, ON_EX_DATES, PRICES
from config.trading import DataSettings
from core.types import BarPanel, Floats

ACTIONS = ["dividend", "capital_gain", "split"]
NAMES = {
    "Open": "open", "High": "high", "Low": "low", "Close": "close", "Adj Close": "adj_close", "Volume": "volume",
    "Dividends": "dividend", "Stock Splits": "split", "Capital Gains": "capital_gain",
}  # fmt: skip
WITHIN = 0.005
YIELD_MIN = 0.006
SESSIONS_MIN = 300
CALENDAR = NyseCalendar()
SESSIONS = {np.datetime64(day): close for day, _, close in CALENDAR.sessions(date(2015, 1, 2), date(2026, 3, 31))}
DAYS = list(SESSIONS)


@dataclass(slots=True, kw_only=True)
class Score:
    """Rows: broken, of those caught, sound, of those left out, of those changed; series seen and noticed."""

    broken: int = 0
    caught: int = 0
    sound: int = 0
    left_out: int = 0
    changed: int = 0
    series: int = 0
    noticed: int = 0

    def add(self, other: Score) -> None:
        for name in ("broken", "caught", "sound", "left_out", "changed", "series", "noticed"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def line(self, name: str) -> str:
        caught = f"{self.caught / self.broken:7.1%}" if self.broken else "      -"
        lost = f"{self.left_out / self.sound:6.2%}" if self.sound else "     -"
        seen = f"{name:44} {self.series:6} {self.noticed:7} {self.broken:8} {caught}"
        return f"{seen} {self.sound:8} {lost} {self.changed:7}"


HEAD = f"{'':44} {'series':>6} {'noticed':>7} {'broken':>8} {'caught':>7} {'sound':>8} {'out':>6} {'changed':>7}"


def rows_of(table: pd.DataFrame, columns: NDArray[np.intp] | None = None) -> VendorRows:
    """Take a long table as a vendor's rows, one symbol unless `columns` says which."""
    zeros = np.zeros(len(table))
    actions = {name: table[name].fillna(0.0).to_numpy(float) if name in table else zeros for name in ACTIONS}
    return VendorRows(
        columns=np.zeros(len(table), np.intp) if columns is None else columns,
        sessions=table["date"].to_numpy().astype("datetime64[D]"), prices=table[PRICES].to_numpy(float),
        volume=table["volume"].to_numpy(float), adj_close=table["adj_close"].to_numpy(float), **actions,
    )  # fmt: skip


def gated(tables: list[pd.DataFrame]) -> Inspection:
    """Restate each table and put all past the gate; they share their sessions."""
    cube = np.stack([restate(rows_of(table)).table for table in tables], axis=-1)
    sessions = tables[0]["date"].to_numpy().astype("datetime64[D]")
    known = [SESSIONS[day] for day in sessions]
    panel = BarPanel(
        sessions=sessions, known_at=np.array([at.astimezone(UTC).replace(tzinfo=None) for at in known], "M8[us]"),
        symbols=("SPY", *(f"S{k}" for k in range(1, len(tables)))),
        **{name: cube[:, k] for k, name in enumerate((*PRICES, "volume"))},
    )  # fmt: skip
    return inspect(panel, DataSettings(), fetched_at=datetime(2100, 1, 1, tzinfo=UTC))


def total_return(table: pd.DataFrame) -> Floats:
    """Give open, high, low and close adjusted for dividends too, shape (n, 4)."""
    factor = table["adj_close"].to_numpy(float) / table["close"].to_numpy(float)
    out: Floats = table[PRICES].to_numpy(float) * factor[:, None]
    return out


def score(broken: pd.DataFrame, right: pd.DataFrame) -> Score:
    """Compare what comes out of a broken series with what should; both are total return."""
    with np.errstate(divide="ignore", invalid="ignore"):
        truth, given = total_return(right), total_return(broken)
        truth[:, 1], truth[:, 2] = truth.max(axis=1), truth.min(axis=1)  # a range holds its open and close
        seen = gated([broken])
        got = np.stack([getattr(seen.panel, name)[:, 0] for name in PRICES], axis=1)
        there = np.isfinite(truth).all(axis=1)
        off = there & ~(np.abs(given / truth - 1) <= WITHIN).all(axis=1)
        good = (np.abs(got / truth - 1) <= WITHIN).all(axis=1)
    out = np.array(["SPY" in seen.row_quality(row).left_out for row in range(len(broken))]) | ~np.isfinite(
        got[:, 3]
    )
    sound = there & ~off
    return Score(
        broken=int(off.sum()), caught=int((off & (good | out)).sum()), sound=int(sound.sum()),
        left_out=int((sound & out).sum()), changed=int((sound & ~out & ~good).sum()), series=1,
        noticed=int(bool(restate(rows_of(broken)).findings) or any("range widened" not in n for n in seen.notes)),
    )  # fmt: skip


def redated(path: Path) -> pd.DataFrame:
    """Read a series and put its rows onto the exchange's sessions, in order."""
    table = pd.read_csv(path)
    table = table.rename(columns={table.columns[0]: "date", **NAMES})
    table = table.sort_values("date", ignore_index=True)
    table["date"] = DAYS[-len(table) :]
    return table


def pairs(folder: Path) -> Iterator[tuple[str, Score]]:
    """Score each broken series against its twin, and each twin and sound series against itself."""
    for path in sorted(folder.glob("*.csv.gz")):
        twin = path.with_name(path.name.replace(".csv", "-fixed.csv"))
        right = twin if twin.exists() else path
        yield path.name.removesuffix(".csv.gz"), score(redated(path), redated(right))


def planted(tables: list[pd.DataFrame], trials: int, seed: int) -> Iterator[tuple[str, Score]]:
    """Plant each kind of fault `trials` times into series drawn at random."""
    for number, (name, plant) in enumerate({**ANYWHERE, **ON_EX_DATES}.items()):
        rng = np.random.default_rng([seed, number])
        total = Score()
        while total.series < trials:
            table = tables[rng.integers(len(tables))]
            row = int(rng.integers(30, len(table) - 90))
            if name in ON_EX_DATES:
                yields = table["dividend"].to_numpy()[30:-30] / table["close"].to_numpy()[29:-31]
                large = np.flatnonzero(yields > YIELD_MIN) + 30
                if not len(large):
                    continue
                row = int(rng.choice(large))
            broken = table.copy()
            plant(broken, row, rng)
            total.add(score(broken, table))
        yield name, total


def sound_tables(folder: Path) -> list[pd.DataFrame]:
    """Give the recorded universe by symbol, with its corporate actions."""
    files = [folder / "universe_daily.parquet", folder / "universe_daily_2025_2026.parquet"]
    table = pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)
    table = table.merge(pd.read_parquet(folder / "corporate_actions.parquet"), on=["date", "ticker"], how="left")
    table["capital_gain"] = 0.0
    for name in ACTIONS:
        table[name] = table[name].fillna(0.0)
    table["volume"] = table["volume"].astype(float)
    return [part.sort_values("date", ignore_index=True) for _, part in table.groupby("ticker")]


def false_alarms(folder: Path) -> Iterator[tuple[str, int, int, float]]:
    """Count what is said against series with nothing wrong: name, rows, findings, seconds."""
    universe = sound_tables(folder)
    members = pd.read_parquet(folder / "members_half_daily.parquet")
    members = members.astype({"ticker": str, **dict.fromkeys([*PRICES, "adj_close", "volume"], float)})
    bare = [part.drop(columns=ACTIONS) for part in universe]
    stocks = [part.sort_values("date", ignore_index=True) for _, part in members.groupby("ticker")]
    groups = {"universe with its actions": universe, "universe without": bare, "members of the S&P 500": stocks}
    for name, tables in groups.items():
        began = time.process_time()
        found = 0
        for table in tables:
            found += len(restate(rows_of(table)).findings)
            found += sum("range widened" not in note for note in gated([table]).notes)
        yield name, sum(map(len, tables)), found, time.process_time() - began


def timed(tables: list[pd.DataFrame], symbols: int) -> tuple[int, float]:
    """Restate as many symbols at once as asked, drawn with replacement."""
    chosen = [tables[k % len(tables)] for k in range(symbols)]
    columns = np.repeat(np.arange(symbols), [len(table) for table in chosen])
    rows = rows_of(pd.concat(chosen, ignore_index=True), columns)
    began = time.process_time()
    restate(rows)
    return len(columns), time.process_time() - began


def main() -> None:
    """Print the three tables and the time of 3,000 symbols."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    print(HEAD)
    total = Score()
    for name, one in pairs(asked.folder / "bad_bars"):
        print(one.line(name))
        total.add(one)
    print(total.line("all pairs"))
    tables = sound_tables(asked.folder)
    stocks = [table for table in tables if (table["volume"] > 0).all() and len(table) > SESSIONS_MIN]
    print(f"\n{HEAD}")
    for name, one in planted(stocks, asked.trials, asked.seed):
        print(one.line(name))
    print()
    for name, rows, found, seconds in false_alarms(asked.folder):
        print(f"{name:44} {rows} rows, {found} false alarms, {seconds:.1f} s")
    rows, seconds = timed(stocks, 3000)
    print(f"{'3,000 symbols at once':44} {rows} rows, {seconds:.1f} s")


if __name__ == "__main__":
    main()
