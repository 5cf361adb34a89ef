"""A sweep: one backtest for each combination of settings, and how likely the best of them is overfitted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from config.loader import merge, validate
from config.risk import RiskSettings
from config.trading import QuantSettings, TradingSettings
from core.errors import SettingsError
from core.types import BarPanel
from models.factor_store import FactorStore
from models.quant_artefact import QuantArtefact
from models.walk_forward import fold_rows, walk_forward
from pipeline.backtest.loop import Run
from pipeline.bootstrap.backtest_settings import Settings, settings_of
from pipeline.bootstrap.backtests import RETRAIN_SESSIONS, BacktestSpec, decision_rows, run_pipeline, run_v8
from pipeline.statistics.curves import sharpe, simple_returns, worst_drawdown
from pipeline.statistics.overfitting import Overfitting, overfitting_probability

CELLS_MAX = 1_000
PARTS = {"trading": TradingSettings, "risk": RiskSettings}
V8_KEYS = "trading.quant."
FITS, CELLS = "fit rankers", "run cells"
Stages = Callable[[str, int, int], None]
Change = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One combination of settings and what it made.

    Attributes
    ----------
    change : mapping of str to Any
        Values by dotted name.
    total_return, drawdown_max : float
        Fractions.
    sharpe : float or None
        Annualised; None for a flat curve.
    returns : tuple of float, length T
        Daily.
    """

    change: Change
    trades: int
    total_return: float
    sharpe: float | None
    drawdown_max: float
    returns: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """All cells over the same sessions.

    Attributes
    ----------
    sessions : tuple of str, length T
        ISO dates of the returns.
    overfitting : Overfitting or None
        None with fewer than two cells or too few sessions. Every cell is one more trial for the deflated
        Sharpe ratio.
    """

    strategy: str
    sessions: tuple[str, ...]
    cells: tuple[Cell, ...]
    overfitting: Overfitting | None


def read_grid(path: Path) -> tuple[Change, ...]:
    """Read a grid, a JSON object of dotted settings with lists of values, and give every combination.

    Names begin with the file they live in: `trading.quant.max_depth`, `risk.swing_exit.stop_loss_pct`. The
    combinations come in the order of the file, the last name turning fastest.

    Raises
    ------
    core.errors.SettingsError
        When the file is no such object, names an unknown setting, or makes too many combinations.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"The grid {path} cannot be read: {error}.") from error
    if (
        not isinstance(content, dict)
        or not all(isinstance(v, list) and v for v in content.values())
        or not content
    ):
        raise SettingsError(
            f"The grid {path} is no object of settings with lists of values.",
            hint='For example {"trading.quant.max_depth": [3, 4]}.',
        )
    for name in content:
        if name.split(".", maxsplit=1)[0] not in PARTS:
            raise SettingsError(f"The grid's {name} is neither trading.… nor risk.….")
    cells = tuple(dict(zip(content, values, strict=True)) for values in product(*content.values()))
    if len(cells) > CELLS_MAX:
        raise SettingsError(f"The grid {path} makes {len(cells)} combinations, more than {CELLS_MAX}.")
    return cells


def settings_with(base: Settings, change: Change) -> Settings:
    """Lay a cell's values over settings.

    Raises
    ------
    core.errors.SettingsError
        With the wrong name or value, and the nearest known name.
    """
    laid: dict[str, Any] = {
        "trading": base.trading.model_dump(mode="json"),
        "risk": base.risk.model_dump(mode="json"),
    }
    for name, value in change.items():
        content = value
        for part in reversed(name.split(".")):
            content = {part: content}
        laid = merge(laid, content)
    return Settings(
        trading=validate(TradingSettings, laid["trading"], "the grid's trading"),
        risk=validate(RiskSettings, laid["risk"], "the grid's risk"),
    )


def run_sweep(
    strategy: str,
    spec: BacktestSpec,
    panel: BarPanel,
    source: str,
    changes: Sequence[Change],
    executor: Executor | None,
    stages: Stages,
) -> Sweep:
    """Run every combination; the rankers are trained once for each set of ranker settings.

    Parameters
    ----------
    strategy : str
        `pipeline`, or `quant_v8`, whose limits and costs are its own: only `trading.quant` can be varied.
    stages : callable
        Told (stage, done, of).
    """
    if strategy == "quant_v8" and any(not name.startswith(V8_KEYS) for change in changes for name in change):
        raise SettingsError(f"Of the ranker alone only {V8_KEYS}* can be varied.")
    base = settings_of(spec)
    wanted = [settings_with(base, change) for change in changes]
    folds: dict[QuantSettings, tuple[QuantArtefact, ...]] = {}
    for chosen in wanted:
        quant = chosen.trading.quant
        if quant not in folds:
            folds[quant] = _trained(spec, panel, quant, executor, partial(stages, FITS))
    tasks = [
        partial(run_cell, strategy, spec, panel, source, folds[chosen.trading.quant], chosen) for chosen in wanted
    ]
    runs = list(_runs(tasks, executor, stages))
    cells = tuple(_cell(change, run) for change, run in zip(changes, runs, strict=True))
    return Sweep(
        strategy=strategy,
        sessions=tuple(str(day) for day in runs[0].sessions[1:]),
        cells=cells,
        overfitting=_overfitting(runs),
    )


def run_cell(
    strategy: str,
    spec: BacktestSpec,
    panel: BarPanel,
    source: str,
    artefacts: tuple[QuantArtefact, ...],
    settings: Settings,
) -> Run:
    """Run one combination; in a worker process too."""
    if strategy == "quant_v8":
        return run_v8(spec, panel, artefacts, source=source)[1]
    return run_pipeline(spec, panel, artefacts, source=source, settings=settings)[1]


def _trained(
    spec: BacktestSpec,
    panel: BarPanel,
    quant: QuantSettings,
    executor: Executor | None,
    progress: Callable[[int, int], None],
) -> tuple[QuantArtefact, ...]:
    rows = fold_rows(panel, *decision_rows(spec, panel), RETRAIN_SESSIONS)
    return walk_forward(panel, FactorStore().history(panel), quant, rows, executor, progress)


def _runs(tasks: list[partial[Run]], executor: Executor | None, stages: Stages) -> Iterator[Run]:
    if executor is None:
        for done, task in enumerate(tasks, start=1):
            yield task()
            stages(CELLS, done, len(tasks))
        return
    futures = [executor.submit(task) for task in tasks]
    for done, _ in enumerate(as_completed(futures), start=1):
        stages(CELLS, done, len(tasks))
    yield from (future.result() for future in futures)


def _cell(change: Change, run: Run) -> Cell:
    returns = simple_returns(run.equity)
    return Cell(
        change=dict(change),
        trades=len(run.fills),
        total_return=float(run.equity[-1] / run.equity[0] - 1),
        sharpe=sharpe(returns),
        drawdown_max=worst_drawdown(run.equity).depth,
        returns=tuple(returns.tolist()),
    )


def _overfitting(runs: Sequence[Run]) -> Overfitting | None:
    return overfitting_probability(np.column_stack([simple_returns(run.equity) for run in runs]))
