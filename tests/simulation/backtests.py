"""A small backtest for tests: two years of a made-up market, small models, trained once."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from backtest.app.settings import BacktestSpec
from backtest.app.strategies import train
from backtest.app.study import Strategy, Study, run_study
from config.loader import FOLDER
from core.types import BarPanel
from models.ranker.artefact import QuantArtefact
from tests.panels import make_panel

SMALL: dict[str, dict[str, float]] = {
    "quant": {"n_estimators": 12, "learning_rate": 0.2, "calibration_folds": 2, "window_months": 8},
    "regime": {"restarts": 1, "window_sessions": 300},
}
SESSIONS, START, END, SHORT_END = 560, date(2023, 9, 18), date(2024, 2, 20), date(2023, 10, 31)
BOOKS = 200


def small_settings(folder: Path) -> Path:
    """Fill a folder with the committed settings, small models, whatever the operator's own files say."""
    for file in [*FOLDER.glob("*.default.json"), FOLDER / "trials.json"]:
        shutil.copy(file, folder)
    shutil.copytree(FOLDER / "profiles", folder / "profiles")
    (folder / "trading.json").write_text(json.dumps(SMALL))
    return folder


@cache
def _folder() -> tuple[TemporaryDirectory[str], Path]:
    kept = TemporaryDirectory()
    return kept, small_settings(Path(kept.name))


def spec() -> BacktestSpec:
    """What is run."""
    return BacktestSpec(start=START, end=END, books=BOOKS, folder=_folder()[1])


@cache
def panel() -> BarPanel:
    """The market."""
    return make_panel(11, SESSIONS)


@cache
def folds() -> tuple[QuantArtefact, ...]:
    """The rankers of the walk-forward."""
    return train(spec(), panel())


@cache
def study(strategy: Strategy) -> Study:
    """The backtest, run and measured."""
    return run_study(strategy, spec(), panel(), "made up", artefacts=folds())


@cache
def taken_apart() -> Study:
    """A shorter backtest of the pipeline, with each part switched off."""
    short = replace(spec(), end=SHORT_END)
    return run_study("pipeline", short, panel(), "made up", artefacts=folds(), attribution=True)
