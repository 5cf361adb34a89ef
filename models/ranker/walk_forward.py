"""The ranker's walk-forward: one training every so many sessions, each on its own slice of the past."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass

import numpy as np

from config.trading import QuantSettings
from core.types import BarPanel
from models.factors.store import FactorTable
from models.ranker.artefact import QuantArtefact
from models.ranker.samples import TooFewSamples
from models.ranker.training import train_ranker

EPOCH = np.datetime64("2000-01-03")
SLICE_DAYS_PER_MONTH = 31
MARGIN_DAYS = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoldTask:
    """One training as plain arrays, so that it can run in another process or on another machine.

    Attributes
    ----------
    bars : BarPanel
        The window and nothing after it: what is not sent cannot leak.
    table : FactorTable
        The factors of the same sessions.
    """

    bars: BarPanel
    table: FactorTable
    settings: QuantSettings


def fold_rows(bars: BarPanel, first_row: int, last_row: int, every_sessions: int) -> tuple[int, ...]:
    """Give the rows that a ranker is trained at, so that every row from first to last has one.

    A training falls on the first session of each period of `every_sessions` weekdays counted from 2000-01-03,
    wherever the panel begins; the first one lies at or before `first_row`.
    """
    periods = np.busday_count(EPOCH, bars.sessions.astype("datetime64[D]")) // every_sessions
    starts = np.flatnonzero(np.diff(periods, prepend=periods[0] - 1))
    place = max(0, int(np.searchsorted(starts, first_row, side="right")) - 1)
    return tuple(int(row) for row in starts[place:] if row <= last_row)


def fold_task(bars: BarPanel, table: FactorTable, settings: QuantSettings, row: int) -> FoldTask:
    """Cut out what the training at `row` may look at."""
    days = settings.window_months * SLICE_DAYS_PER_MONTH + MARGIN_DAYS
    sessions = bars.sessions.astype("datetime64[D]")
    first = int(np.searchsorted(sessions, sessions[row] - np.timedelta64(days, "D")))
    cut = slice(first, row + 1)
    window = BarPanel(
        sessions=bars.sessions[cut], known_at=bars.known_at[cut], symbols=bars.symbols,
        open=bars.open[cut], high=bars.high[cut], low=bars.low[cut], close=bars.close[cut],
        volume=bars.volume[cut], member=bars.member[cut],
    )  # fmt: skip
    factors = FactorTable(raw=table.raw[:0], z=np.ascontiguousarray(table.z[cut]), atr=table.atr[:0])
    return FoldTask(bars=window, table=factors, settings=settings)


def train_fold(task: FoldTask) -> QuantArtefact:
    """Train one fold's ranker."""
    return train_ranker(task.bars, task.table, task.settings, len(task.bars.sessions) - 1)


def train_fold_if_enough(task: FoldTask) -> QuantArtefact | None:
    """Train one fold's ranker; None where its window has too little to learn from."""
    try:
        return train_fold(task)
    except TooFewSamples:
        return None


def walk_forward(
    bars: BarPanel,
    table: FactorTable,
    settings: QuantSettings,
    rows: tuple[int, ...],
    executor: Executor | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,  # noqa: ARG005  # the shape of a progress
) -> tuple[QuantArtefact, ...]:
    """Train at each row; the same artefacts whether one after the other or side by side.

    A row whose window has too little to learn from (a universe of three stocks, or one whose first members came
    later) has no ranker: the one before it stays, and before the first the ranker's agent abstains.

    Parameters
    ----------
    executor : Executor or None
        A process pool, or a cluster's.
    progress : callable
        Given how many of how many folds are done.
    """
    if executor is None:
        out = []
        for row in rows:
            out.append(train_fold_if_enough(fold_task(bars, table, settings, row)))
            progress(len(out), len(rows))
        return tuple(artefact for artefact in out if artefact is not None)
    futures = [executor.submit(train_fold_if_enough, fold_task(bars, table, settings, row)) for row in rows]
    for done, _ in enumerate(as_completed(futures), start=1):
        progress(done, len(rows))
    return tuple(artefact for future in futures if (artefact := future.result()) is not None)
