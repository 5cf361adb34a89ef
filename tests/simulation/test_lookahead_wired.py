"""The scripts' tools end to end on a short span of the simulated market: look-ahead, sweep, replay."""

from __future__ import annotations

import json
import shutil
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import pytest

from adapters.simulated.market import SimulatedMarket
from backtest.app.checks import find_lookahead, replay_recorded
from backtest.app.cli import main
from backtest.app.cli_tools import print_result
from backtest.app.executors import executor_of
from backtest.app.settings import BacktestSpec, settings_of, v8_settings_of, with_changes
from backtest.app.strategies import train
from backtest.app.sweep import read_grid, run_sweep
from backtest.lookahead import Difference, Leak, LookaheadResult
from backtest.to_json import plain
from config.environment import read_environment
from config.loader import FOLDER
from core.cycles import DECIDE
from core.errors import RequestError, SettingsError
from core.types import BarPanel
from daemon.wiring import build_daemon
from models.ranker.artefact import QuantArtefact
from models.ranker.walk_forward import fold_task
from tests.default_universe import DEFAULT, UNIVERSE
from tests.simulation.desk import CALENDAR

SPAN = (date(2017, 12, 1), date(2021, 3, 31))
SMALL = {"n_estimators": 10, "learning_rate": 0.3}


def silent(*told: Any) -> None:
    """Tell nobody."""


@cache
def folder() -> TemporaryDirectory[str]:
    """The committed settings with a ranker and a regime model small enough for a test."""
    made = TemporaryDirectory()
    for name in ("trading.default.json", "risk.default.json"):
        shutil.copy(FOLDER / name, made.name)
    shutil.copytree(FOLDER / "profiles", Path(made.name) / "profiles")
    own = {"quant": SMALL, "regime": {"restarts": 1}}
    (Path(made.name) / "trading.json").write_text(json.dumps(own))
    return made


def spec() -> BacktestSpec:
    return BacktestSpec(start=date(2021, 2, 25), end=date(2021, 3, 12), folder=Path(folder().name))


@cache
def market() -> BarPanel:
    return SimulatedMarket(CALENDAR, DEFAULT).bars(UNIVERSE, *SPAN)


@cache
def folds() -> tuple[QuantArtefact, ...]:
    return train(spec(), market())


@pytest.mark.parametrize("strategy", ["pipeline", "quant_v8"])
def test_neither_backtest_looks_ahead_training_included(strategy: str) -> None:
    found = find_lookahead(strategy, spec(), market(), "simulated", folds(), silent, cuts=1)
    assert found.leaks == ()
    assert found.comparisons == 2
    assert found.bytes_compared > 50_000


def test_training_on_what_is_to_come_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from backtest.app import checks

    def late(bars: BarPanel, table: Any, settings: Any, row: int) -> Any:
        return fold_task(bars, table, settings, min(row + 21, len(bars.sessions) - 1))

    monkeypatch.setattr(checks, "fold_task", late)
    found = find_lookahead("quant_v8", spec(), market(), "simulated", folds(), silent, cuts=1)
    assert any(leak.difference.table == "models" for leak in found.leaks)


# --- sweeps ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    """A pool of two, which import once what they need."""
    with executor_of(2) as pool:
        assert pool is not None
        yield pool


def grid(folder: Path, content: object) -> Path:
    path = folder / "grid.json"
    path.write_text(json.dumps(content))
    return path


def test_a_sweep_runs_every_combination_and_trains_once_for_each_set_of_ranker_settings(
    tmp_path: Path, processes: Executor
) -> None:
    content = {"trading.quant.max_depth": [2, 3], "trading.broker.slippage_bps": [2.0, 50.0]}
    changes = read_grid(grid(tmp_path, content))
    assert [tuple(change.values()) for change in changes] == [(2, 2.0), (2, 50.0), (3, 2.0), (3, 50.0)]
    told: list[tuple[str, int, int]] = []
    made = run_sweep("pipeline", spec(), market(), "simulated", changes, None, lambda *said: told.append(said))
    assert sum(stage == "fit rankers" and done == of for stage, done, of in told) == 2
    assert told[-1] == ("run cells", 4, 4)
    assert [cell.change for cell in made.cells] == list(changes)
    assert min(cell.trades for cell in made.cells) > 0
    table = np.array([cell.returns for cell in made.cells])
    assert table.shape == (4, len(made.sessions))
    assert len(np.unique(table, axis=0)) == 4
    assert made.cells[1].total_return < made.cells[0].total_return
    again = run_sweep("pipeline", spec(), market(), "simulated", changes[:2], processes, silent)
    assert msgspec.json.encode(plain(again.cells)) == msgspec.json.encode(plain(made.cells[:2]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "not an object of settings"),
        ({}, "no object of settings"),
        ({"trading.quant.max_depth": 3}, "no object of settings"),
        ({"trading.quant.max_depth": list(range(40)), "trading.quant.seed": list(range(40))}, "more than 1000"),
    ],
)
def test_a_grid_that_cannot_be_run_is_refused(tmp_path: Path, content: object, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_grid(grid(tmp_path, content))


def test_an_unknown_setting_is_named_with_its_nearest() -> None:
    with pytest.raises(SettingsError, match=r"quant\.max_dept; the nearest known name is quant\.max_depth"):
        with_changes(settings_of(spec()), {"trading.quant.max_dept": 3})
    for strategy in ("pipeline", "quant_v8"):
        with pytest.raises(SettingsError, match="max_positon; the nearest known name is"):
            wrong = [{"risk.portfolio_limits.max_positon": 1}]
            run_sweep(strategy, spec(), market(), "simulated", wrong, None, silent)
        with pytest.raises(SettingsError, match="neither trading"):
            run_sweep(strategy, spec(), market(), "simulated", [{"risks.x": 1}], None, silent)


def test_a_sweep_of_the_ranker_alone_varies_its_limits_and_costs_and_leaves_the_rest_its_own(
    processes: Executor,
) -> None:
    names = ("risk.portfolio_limits.max_exposure_pct", "risk.circuit_breakers.max_drawdown_pct")
    cells: list[dict[str, float]] = [{}, {names[0]: 0.4}, {"trading.broker.slippage_bps": 50.0}, {names[1]: -1.0}]
    made = run_sweep("quant_v8", spec(), market(), "simulated", cells, processes, silent).cells
    plain_cell, half, dear, same = made
    assert plain_cell.trades > 0
    assert same.returns == plain_cell.returns
    assert np.std(half.returns) < 0.6 * np.std(plain_cell.returns)
    assert dear.total_return < plain_cell.total_return
    at_once = replace(spec(), changes={names[0]: 0.4, "trading.broker.slippage_bps": 50.0})
    assert v8_settings_of(at_once).trading.broker.slippage_bps == 50.0
    assert v8_settings_of(at_once).risk.portfolio_limits.max_exposure_pct == 0.4
    assert v8_settings_of(at_once).risk.circuit_breakers.max_drawdown_pct is None
    assert v8_settings_of(spec()).trading.broker.slippage_bps == 10.0


# --- replay ----------------------------------------------------------------------------------------------------


def test_a_decision_of_the_daemons_ledger_is_decided_again(tmp_path: Path) -> None:
    environment = replace(
        read_environment({"DATA_PROVIDER": "simulated", "STATE_DIR": str(tmp_path)}),
        artefact_dir=tmp_path / "models",
    )
    with pytest.raises(RequestError, match="no ledger"):
        replay_recorded("x", spec(), environment, datetime.now(UTC))
    daemon = build_daemon(environment, Path(folder().name))
    engine = daemon.engines.build(lambda: None)
    report = engine.step(DECIDE)
    daemon.close()
    done = replay_recorded(report.decision_id, spec(), environment, report.as_of)
    assert [cause for cause in done.causes if "settings" in cause or "book" in cause] == []
    assert done.same_plan, done


# --- the command line ------------------------------------------------------------------------------------------


def test_the_scripts_say_what_the_tools_found_and_exit_by_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    variables = {"DATA_PROVIDER": "simulated", "STATE_DIR": str(tmp_path)}
    assert main("pipeline", ["--replay", "x"], variables) == 2
    assert "There is no ledger" in capsys.readouterr().err
    first = Difference(table="steps", record="a", field="plan.x", before="1", after="2")
    leaks = (Leak(session="2021-03-05", future="no bars", difference=first),)
    clean = LookaheadResult(sessions=("2021-03-05",), comparisons=2, bytes_compared=10**6, leaks=())
    for verdict, code, said in ((clean, 0, "No look-ahead"), (replace(clean, leaks=leaks), 1, "1 became 2")):
        assert print_result(Namespace(json=False), verdict) == code
        assert said in capsys.readouterr().out
        assert print_result(Namespace(json=True), verdict) == code
        assert len(json.loads(capsys.readouterr().out)["leaks"]) == code
