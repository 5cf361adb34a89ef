"""A sweep: one backtest for each combination of settings, and how likely the best of them is overfitted."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from analysis.bill_rate import bill_returns, with_interest
from analysis.curves import simple_returns, worst_drawdown
from analysis.overfitting import Overfitting
from analysis.purged_paths import PurgedPaths
from backtest.app.executors import run_all, share
from backtest.app.purged_study import choice_paths
from backtest.app.settings import BacktestSpec, Change, settings_of, v8_settings_of, with_changes
from backtest.app.strategies import run_under, train
from backtest.attribution import overfitting_of
from backtest.progress import StageProgress
from backtest.runner import Run
from config.json_file import read_object
from config.trading import QuantSettings
from core.errors import SettingsError
from core.statistics import sharpe_ratio
from core.types import BarPanel, Floats
from models.ranker.artefact import QuantArtefact

CELLS_MAX = 1_000
FITS, CELLS = "fit rankers", "run cells"


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
        Annualised, over the bill rate; None for a flat curve.
    returns : tuple of float, length T
        Daily, the interest on cash among them.
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
    paths : PurgedPaths or None
        Out of sample, of choosing the best cell in each training part; None where `overfitting` is.
    overfitting : Overfitting or None
        None with fewer than two cells or too few sessions. Every cell is one more trial for the deflated
        Sharpe ratio.
    """

    strategy: str
    sessions: tuple[str, ...]
    cells: tuple[Cell, ...]
    overfitting: Overfitting | None
    paths: PurgedPaths | None


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
        content = read_object(path)
    except FileNotFoundError as error:
        raise SettingsError(f"The grid {path} cannot be read: there is no such file.") from error
    if not all(isinstance(v, list) and v for v in content.values()) or not content:
        raise SettingsError(
            f"The grid {path} is no object of settings with lists of values.",
            hint='For example {"trading.quant.max_depth": [3, 4]}.',
        )
    cells = tuple(dict(zip(content, values, strict=True)) for values in product(*content.values()))
    if len(cells) > CELLS_MAX:
        raise SettingsError(f"The grid {path} makes {len(cells)} combinations, more than {CELLS_MAX}.")
    return cells


def run_sweep(
    strategy: str,
    spec: BacktestSpec,
    panel: BarPanel,
    source: str,
    changes: Sequence[Change],
    executor: Executor | None,
    stages: StageProgress,
) -> Sweep:
    """Run every combination; the rankers are trained once for each set of ranker settings.

    Parameters
    ----------
    strategy : str
        `pipeline`, or `quant_v8`: what a cell does not name is as the ranker alone has it.
    stages : callable
        Called with (stage, done, of).
    """
    base = v8_settings_of(spec) if strategy == "quant_v8" else settings_of(spec)
    wanted = [with_changes(base, change) for change in changes]
    folds: dict[QuantSettings, tuple[QuantArtefact, ...]] = {}
    for chosen in wanted:
        quant = chosen.trading.quant
        if quant not in folds:
            folds[quant] = train(spec, panel, executor, partial(stages, FITS), quant)
    sent = {quant: share(executor, artefacts) for quant, artefacts in folds.items()}
    ground = (strategy, share(executor, spec), share(executor, panel), source)
    arguments = [(*ground, sent[chosen.trading.quant], chosen) for chosen in wanted]
    runs = list(run_all(executor, run_under, arguments, partial(stages, CELLS)))
    bills = bill_returns(runs[0].sessions, base.trading.evaluation.bill_rates)
    cells = tuple(_cell(change, run, bills) for change, run in zip(changes, runs, strict=True))
    overfitting = overfitting_of(runs)
    returns = np.array([cell.returns for cell in cells]).T
    return Sweep(
        strategy=strategy,
        sessions=tuple(str(day) for day in runs[0].sessions[1:]),
        cells=cells,
        overfitting=overfitting,
        paths=None if overfitting is None else choice_paths(returns, runs[0].sessions[1:], base),
    )


def _cell(change: Change, run: Run, bills: Floats) -> Cell:
    equity = with_interest(run.equity, run.exposure, bills)
    returns = simple_returns(equity)
    return Cell(
        change=dict(change),
        trades=len(run.fills),
        total_return=float(equity[-1] / equity[0] - 1),
        sharpe=sharpe_ratio(returns - bills[1:]),
        drawdown_max=worst_drawdown(equity).depth,
        returns=tuple(returns.tolist()),
    )
