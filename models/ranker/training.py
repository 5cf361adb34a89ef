"""Training the ranker: folds to measure and calibrate, then one fit on the whole window."""

from __future__ import annotations

import platform
from collections.abc import Callable
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from config.trading import QuantSettings
from core.types import BarPanel, Floats
from models.factors.store import FactorTable
from models.factors.table import FACTOR_NAMES
from models.ranker.artefact import VERSION, DailyFigures, QuantArtefact, TrainingWindow, model_name
from models.ranker.calibration import Calibration, fit_calibration
from models.ranker.folds import Fold, purged_folds
from models.ranker.metrics import OutOfSample, daily_scores, summary
from models.ranker.samples import Samples, TooFewSamples, training_samples

OnProgress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitTask:
    """One XGBoost fit as plain arrays, so that it can run in another thread or process.

    Attributes
    ----------
    ask : ndarray of float64, shape (m, 13)
        What to predict once fitted; may be empty.
    """

    X: Floats
    y: Floats
    ask: Floats
    max_depth: int
    n_estimators: int
    learning_rate: float
    seed: int


def fit_booster(task: FitTask) -> tuple[bytes, Floats]:
    """Fit one booster on one thread.

    Returns
    -------
    tuple of bytes and ndarray of float64, shape (m,)
        The booster as UBJSON, and the margins (log-odds) of `ask`.
    """
    import xgboost  # noqa: PLC0415  heavy: imported at first use

    parameters = {
        "objective": "binary:logistic", "tree_method": "hist", "nthread": 1, "max_depth": task.max_depth,
        "learning_rate": task.learning_rate, "seed": task.seed, "verbosity": 0,
        "scale_pos_weight": float((task.y == 0).sum() / max(1, (task.y == 1).sum())),
    }  # fmt: skip
    data = xgboost.QuantileDMatrix(task.X, task.y, nthread=1)
    booster = xgboost.train(parameters, data, task.n_estimators)
    margins = np.empty(0)
    if len(task.ask):
        margins = booster.inplace_predict(task.ask, predict_type="margin").astype(np.float64)
    return bytes(booster.save_raw("ubj")), margins


def train_ranker(
    bars: BarPanel,
    table: FactorTable,
    settings: QuantSettings,
    last_row: int,
    *,
    executor: Executor | None = None,
    on_progress: OnProgress | None = None,
) -> QuantArtefact:
    """Train the ranker on the window that ends at `last_row`.

    Parameters
    ----------
    table : FactorTable
        Factors of `bars` (`FactorStore.history`).
    last_row : int
        Nothing after this row of `bars` is looked at; every label ends before it.
    executor : Executor or None
        Where the fits run side by side; one after the other without.
    on_progress : callable or None
        Given the share done, in [0, 1], and what was done.

    Raises
    ------
    TooFewSamples
        When there is too little history to train on.
    """
    samples = training_samples(bars, table, settings, last_row)
    folds = purged_folds(samples.day, settings.calibration_folds, settings.purge_sessions)
    if len(folds) < 2 or any(len(np.unique(samples.y[fold.train])) < 2 for fold in folds):
        raise TooFewSamples(
            "The ranker's window is too short to hold purged folds.", hint="Give the feed more history."
        )
    tasks = [_task(samples, fold.train, samples.X[fold.test], settings) for fold in folds]
    tasks.append(_task(samples, np.ones(len(samples.y), dtype=np.bool_), samples.X[:0], settings))
    fitted = _run(tasks, executor, on_progress)
    margins = [margin for _, margin in fitted[:-1]]
    return _artefact(samples, bars, settings, fitted[-1][0], _out_of_sample(samples, folds, margins))


def _task(samples: Samples, chosen: NDArray[np.bool_], ask: Floats, settings: QuantSettings) -> FitTask:
    return FitTask(
        X=samples.X[chosen], y=samples.y[chosen], ask=ask, max_depth=settings.max_depth,
        n_estimators=settings.n_estimators, learning_rate=settings.learning_rate, seed=settings.seed,
    )  # fmt: skip


def _run(
    tasks: list[FitTask], executor: Executor | None, on_progress: OnProgress | None
) -> list[tuple[bytes, Floats]]:
    def report(done: int) -> None:
        if on_progress is not None:
            on_progress(done / len(tasks), f"QuantAgent {VERSION}: {done} of {len(tasks)} fits done")

    if executor is None:
        out = []
        for task in tasks:
            out.append(fit_booster(task))
            report(len(out))
        return out
    futures: list[Future[tuple[bytes, Floats]]] = [executor.submit(fit_booster, task) for task in tasks]
    for done, _ in enumerate(as_completed(futures), start=1):
        report(done)
    return [future.result() for future in futures]


def _artefact(
    samples: Samples,
    bars: BarPanel,
    settings: QuantSettings,
    booster: bytes,
    measured: tuple[OutOfSample, Calibration],
) -> QuantArtefact:
    held_out, calibration = measured
    daily = daily_scores(held_out, settings.top_quantile)
    metrics = summary(
        held_out, daily, candidate_probability_min=settings.candidate_probability_min,
        horizon_sessions=settings.horizon_sessions,
    )  # fmt: skip
    first, last, ends = (str(day) for day in samples.window)
    return QuantArtefact(
        model_id=model_name(booster, calibration, ends),
        version=VERSION,
        feature_names=FACTOR_NAMES,
        booster=booster,
        calibration=calibration,
        window=TrainingWindow(first=first, last=last, labels_end=ends),
        samples=len(samples.y),
        metrics=metrics,
        daily=DailyFigures(
            sessions=[str(day) for day in bars.sessions[daily.day].astype("datetime64[D]")],
            rank_ic=daily.rank_ic.tolist(),
            brier=daily.brier.tolist(),
        ),
        settings=settings.model_dump(mode="json"),
        libraries=_libraries(),
    )


def _out_of_sample(
    samples: Samples, folds: tuple[Fold, ...], margins: list[Floats]
) -> tuple[OutOfSample, Calibration]:
    """Calibrate on all held-out margins; each fold's probabilities are calibrated on the other folds."""
    masks = [fold.test for fold in folds]
    margin = np.full(len(samples.y), np.nan)
    probability = np.full(len(samples.y), np.nan)
    for mask, values in zip(masks, margins, strict=True):
        margin[mask] = values
    known = np.isfinite(margin)
    for mask in masks:
        others = known & ~mask
        probability[mask] = fit_calibration(margin[others], samples.y[others]).probability(margin[mask])
    held_out = OutOfSample(
        day=samples.day[known], margin=margin[known], probability=probability[known],
        label=samples.y[known], forward=samples.forward[known],
    )  # fmt: skip
    return held_out, fit_calibration(held_out.margin, held_out.label)


def _libraries() -> dict[str, str]:
    import xgboost  # noqa: PLC0415  heavy: imported at first use

    versions = {"python": platform.python_version(), "numpy": np.__version__, "xgboost": xgboost.__version__}
    return cast(dict[str, str], versions)
