"""Five names outside the default universe, funds among them: decided on, learnt from and walked forward."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import numpy as np

from adapters.simulated.market import SimulatedMarket
from backtest.app.settings import BacktestSpec, settings_of
from backtest.app.study import run_study
from config.loader import FOLDER
from core.universe import OTHER
from tests.simulation.desk import CALENDAR

NAMES = ["CSCO", "TXN", "GLD", "QQQ", "BRK-B"]


def test_five_names_of_ones_own_are_learnt_from_and_traded(tmp_path: Path) -> None:
    for name in ("trading.default.json", "risk.default.json"):
        shutil.copy(FOLDER / name, tmp_path / name)
    shutil.copytree(FOLDER / "profiles", tmp_path / "profiles")
    own = {
        "watchlist": {"tickers": NAMES},
        "quant": {"n_estimators": 10, "learning_rate": 0.3},
        "regime": {"restarts": 1},
    }
    (tmp_path / "trading.json").write_text(json.dumps(own))
    spec = BacktestSpec(start=date(2021, 2, 1), end=date(2021, 4, 30), folder=tmp_path, books=200)
    universe = settings_of(spec).trading.universe
    assert universe.sectors[OTHER].stocks == ("CSCO", "TXN", "GLD", "QQQ", "BRK.B")
    panel = SimulatedMarket(CALENDAR, universe).bars(universe.symbols, date(2017, 12, 1), date(2021, 4, 30))
    study = run_study("pipeline", spec, panel, "simulated")
    assert len(study.artefacts) >= 3
    assert study.artefacts[0].samples > 1_000
    coverage = study.report.about.universe
    assert coverage is not None
    assert (coverage.stocks, coverage.dated, coverage.member_days_with_bars) == (5, False, 1.0)
    decided = [r for r in study.backtest_engine.ledger.decisions(100) if r.plan.analysis.ranking]
    assert len(decided) > 20
    assert {stock.symbol for r in decided for stock in r.plan.analysis.ranking} <= {*universe.stocks}
    assert {fill.symbol for fill in study.run.fills} <= {*universe.stocks}
    assert study.run.fills, "nothing was traded"
    assert np.isfinite(study.run.equity).all()
