"""Five names outside the default universe, funds among them: decided on, learnt from and walked forward."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.simulated.market import SimulatedMarket
from agents.agent import NO_MEMBER
from backtest.app.settings import BacktestSpec, settings_of
from backtest.app.strategies import load_panel
from backtest.app.study import run_study
from backtest.to_json import figures
from config.environment import read_environment
from config.loader import FOLDER
from core.types import Action, BarPanel
from core.universe import OTHER
from tests.simulation.desk import CALENDAR

NAMES = ["CSCO", "TXN", "GLD", "QQQ", "BRK-B"]


def spec_of(folder: Path, universe: dict[str, Any], profile: str = "") -> BacktestSpec:
    """Return two months under settings of one's own, with a ranker small enough for a test."""
    config, own = folder / "config", folder / "user" / "universes"
    config.mkdir(parents=True)
    own.mkdir(parents=True)
    for name in ("trading.default.json", "risk.default.json"):
        shutil.copy(FOLDER / name, config / name)
    shutil.copytree(FOLDER / "profiles", config / "profiles")
    (own / "mine.json").write_text(json.dumps(universe))
    small = {"quant": {"n_estimators": 10, "learning_rate": 0.3}, "regime": {"restarts": 1}}
    (config / "trading.json").write_text(json.dumps({"universe": "mine", **small}))
    return BacktestSpec(start=date(2021, 2, 1), end=date(2021, 4, 30), folder=config, books=200, profile=profile)


def panel_of(spec: BacktestSpec) -> BarPanel:
    """Return the simulated market's bars of it."""
    environment = read_environment({"DATA_PROVIDER": "simulated"}, spec.folder)
    return load_panel(spec, environment, datetime(2021, 5, 1, tzinfo=UTC))[0]


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


@pytest.mark.parametrize("profile", ["runbook", "baseline"])
def test_three_names_are_too_few_to_learn_from_and_are_traded_without_a_ranker(
    tmp_path: Path, profile: str
) -> None:
    spec = spec_of(tmp_path, {"stocks": NAMES[:3]}, profile)
    study = run_study("pipeline", spec, panel_of(spec), "simulated")
    assert study.artefacts == ()
    assert study.run.fills, "nothing was traded"
    assert any("4 of 4 rankers were not trained" in caveat for caveat in study.report.about.caveats)
    assert figures(study.report)["windows"]


def test_members_who_came_later_are_learnt_from_since_then(tmp_path: Path) -> None:
    stocks = [{"ticker": f"T{place}", "from": "2020-11-10"} for place in range(6)]
    study = run_study("pipeline", spec := spec_of(tmp_path, {"stocks": stocks}), panel_of(spec), "simulated")
    assert len(study.artefacts) == 2
    assert any("2 of 4 rankers were not trained" in caveat for caveat in study.report.about.caveats)
    ranked = [r.as_of.date() for r in study.backtest_engine.ledger.decisions(100) if r.plan.analysis.ranking]
    assert ranked
    assert min(ranked) > date.fromisoformat(min(one.labels_end for one in study.artefacts))


def test_a_name_that_left_is_sold_by_a_book_that_sizes_and_its_silence_has_its_reason(tmp_path: Path) -> None:
    left = [{"ticker": f"T{place}", "to": "2021-03-10"} for place in range(6)]
    listed = {"stocks": [*left, *(f"U{place}" for place in range(6))]}
    for profile in ("baseline", "runbook"):
        spec = replace(spec_of(tmp_path / profile, listed, profile), end=date(2021, 3, 19))
        study = run_study("pipeline", spec, panel_of(spec), "simulated")
        reports = study.backtest_engine.ledger.decisions(100)
        before = [r for r in reports if r.as_of.date() == date(2021, 3, 10)]
        after = [r for r in reports if r.as_of.date() == date(2021, 3, 11)]
        held = {symbol for r in before for symbol in r.plan.portfolio.positions if symbol[0] == "T"}
        assert held, "nothing was held that left"
        if profile == "baseline":
            exits = {d.symbol for r in after for d in r.plan.decisions if d.action is Action.EXIT}
            assert exits >= held
            assert not any(symbol[0] == "T" for symbol in study.backtest_engine.engine.portfolio.positions)
        else:
            said = {a.symbol: a.reason for r in after for a in r.plan.analysis.abstentions if a.agent == "quant"}
            assert {said[symbol] for symbol in held & said.keys()} == {NO_MEMBER}
