"""Where a report goes: the terminal, a JSON file, and the picture beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from backtest.progress import StageProgress
from backtest.report import Report
from backtest.tables import render, summary_line
from backtest.to_json import plain
from charts.backtest_chart import BacktestPicture, draw_backtest
from config.environment import ROOT

CHARTS = ROOT / "charts"
NAMES = {"pipeline": "backtest_pipeline_results", "quant_v8": "backtest_v8_results"}
TABLE_COLUMNS_MIN = 140


def to_json(content: Any, indent: int = 2) -> bytes:
    """Write figures as JSON; the same figures give the same bytes."""
    return msgspec.json.format(msgspec.json.encode(plain(content)), indent=indent)


def save(report: Report, folder: Path = CHARTS) -> Path:
    """Write the JSON and the picture; return the picture's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAMES[report.about.strategy]}.png"
    path.with_suffix(".json").write_bytes(to_json(report))
    draw_backtest(picture_of(report), path)
    return path


def picture_of(report: Report) -> BacktestPicture:
    """Lay a report out as its picture."""
    about, whole = report.about, report.windows[0]
    lines = {name: summary_line(figures) for name, figures in whole.table.items()}
    return BacktestPicture(
        title=about.title,
        subtitle=f"{whole.first} to {whole.last}, {about.cost_bps:g} bps a trade, profile {about.profile}, "
        f"{about.source} bars; the universe was picked with hindsight",
        sessions=np.array(report.sessions, dtype="datetime64[D]"),
        curves={name: np.array(curve) for name, curve in report.curves.items()},
        high_volatility=np.array(report.high_volatility),
        years=report.months.years,
        monthly=report.months.table,
        totals=report.months.totals,
        notes=lines,
    )


def show(report: Report) -> None:
    """Print the report's tables."""
    console = Console()
    if not console.is_terminal or console.width < TABLE_COLUMNS_MIN:
        console = Console(width=TABLE_COLUMNS_MIN)
    console.print(render(report))


@contextmanager
def progress_bars() -> Iterator[StageProgress]:
    """Show a bar a stage with the time left, on the error stream: the output stays clean."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        console=Console(stderr=True),
    )
    known: dict[str, TaskID] = {}

    def update(stage: str, done: int, of: int) -> None:
        if stage not in known:
            known[stage] = bars.add_task(stage, total=of)
        bars.update(known[stage], completed=done)

    with bars:
        yield update
