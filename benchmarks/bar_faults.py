"""Faults of a vendor's daily bars, planted into sound ones: each takes a table of one symbol and a row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

PRICES = ["open", "high", "low", "close"]
COMMON = [2.0, 3.0, 4.0, 5.0, 8.0, 10.0, 15.0, 20.0, 1.5]
RATIO_MIN = 1.25
SMALL_RATIOS = [
    p / q for p in range(1, 11) for q in range(1, 11) if np.gcd(p, q) == 1 and max(p / q, q / p) >= RATIO_MIN
]
Plant = Callable[[pd.DataFrame, int, np.random.Generator], None]


def scaled(table: pd.DataFrame, rows: slice, ratio: float, *, volume: bool) -> None:
    """Multiply prices of rows, as a vendor that takes them for another unit or another count of shares."""
    index = table.index[rows]
    table.loc[index, [*PRICES, "adj_close"]] *= ratio
    if volume:
        table.loc[index, "volume"] /= ratio


def split_missed(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """All before a split in the table stays on the old count of shares."""
    ratio = float(rng.choice(COMMON)) ** int(rng.choice([-1, 1]))
    scaled(table, slice(0, row), ratio, volume=True)
    table.loc[row, "split"] = ratio


def split_twice(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """All before a split in the table is divided once too often."""
    ratio = float(rng.choice(COMMON)) ** int(rng.choice([-1, 1]))
    scaled(table, slice(0, row), 1 / ratio, volume=True)
    table.loc[row, "split"] = ratio


def split_unlisted(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """All before a split that no table names stays as it was."""
    scaled(table, slice(0, row), float(rng.choice(COMMON)) ** int(rng.choice([-1, 1])), volume=True)


def ratio_unlisted(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """All before a row is off by a ratio of whole numbers up to ten."""
    scaled(table, slice(0, row), float(rng.choice(SMALL_RATIOS)), volume=True)


def split_late(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """The last sessions before a split in the table are off by it."""
    split = row + int(rng.integers(1, 4))
    ratio = float(rng.choice(COMMON)) ** int(rng.choice([-1, 1]))
    scaled(table, slice(row, split), ratio, volume=True)
    table.loc[split, "split"] = ratio


def unit_past(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """All before a row is in another unit."""
    scaled(table, slice(0, row), float(rng.choice([100.0, 0.01, 1000.0])), volume=False)


def unit_block(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """Some sessions are in another unit."""
    scaled(table, slice(row, row + int(rng.integers(2, 80))), float(rng.choice([100.0, 0.01])), volume=False)


def unit_row(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """One session is in another unit."""
    scaled(table, slice(row, row + 1), float(rng.choice([100.0, 0.01])), volume=False)


def unit_cell(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """One price is in another unit."""
    name = str(rng.choice(PRICES))
    ratio = float(rng.choice([100.0, 0.01]))
    for column in {name, "adj_close"} if name == "close" else {name}:
        multiply(table, row, column, ratio)


def spike(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """One session is off by anything."""
    scaled(table, slice(row, row + 1), float(rng.uniform(1.4, 6.0)) ** int(rng.choice([-1, 1])), volume=False)


def adjusted(table: pd.DataFrame, row: int, step: float) -> None:
    """Replace the adjustment of an ex-date by another step."""
    factor = (table["adj_close"] / table["close"]).to_numpy()
    table.loc[: row - 1, "adj_close"] *= (1 - step) * factor[row] / factor[row - 1]


def paid(table: pd.DataFrame, row: int) -> float:
    """Give the dividend of an ex-date as a share of the last close."""
    return float(table["dividend"].iloc[row]) / float(table["close"].iloc[row - 1])


def multiply(table: pd.DataFrame, row: int, column: str, ratio: float) -> None:
    """Multiply one value."""
    table.loc[row, column] = ratio * float(table[column].iloc[row])


def dividend_missing(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """An ex-date is not adjusted for."""
    del rng
    adjusted(table, row, 0.0)


def dividend_hundredfold(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """An ex-date is adjusted for a hundred times the dividend, listed so or not."""
    adjusted(table, row, min(0.95, 100 * paid(table, row)))
    if rng.random() < 0.5:
        multiply(table, row, "dividend", 100.0)


def dividend_hundredth(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """An ex-date is adjusted for a hundredth of the dividend."""
    del rng
    adjusted(table, row, paid(table, row) / 100)


def dividend_doubled(table: pd.DataFrame, row: int, rng: np.random.Generator) -> None:
    """Capital gains are counted beside the dividend that holds them."""
    del rng
    step = paid(table, row)
    table.loc[row, "capital_gain"] = 0.95 * float(table["dividend"].iloc[row])
    adjusted(table, row, 1.95 * step)


ANYWHERE: dict[str, Plant] = {
    "split not applied, in the table": split_missed, "split applied twice, in the table": split_twice,
    "split some sessions late, in the table": split_late, "common split not applied, no table": split_unlisted,
    "any ratio of numbers to 10, no table": ratio_unlisted, "another unit for all the past": unit_past,
    "another unit for a while": unit_block, "another unit for one session": unit_row,
    "another unit for one price": unit_cell, "one-session spike of 1.4 to 6": spike,
}  # fmt: skip
ON_EX_DATES: dict[str, Plant] = {
    "dividend not adjusted for": dividend_missing, "hundredfold adjustment": dividend_hundredfold,
    "hundredth of the adjustment": dividend_hundredth, "capital gains doubled": dividend_doubled,
}  # fmt: skip
