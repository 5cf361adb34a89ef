"""Both scripts from command line to chart and JSON, on the simulated market with small models."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from adapters.calendar import NyseCalendar
from adapters.simulated.market import SimulatedMarket
from backtest.app.cli import main, parser, spec_of
from backtest.app.settings import one_way_cost_bps, settings_of, v8_settings_of
from backtest.app.strategies import load_panel, train
from backtest.app.study import Strategy, run_study
from config.environment import read_environment
from models.factors.store import FactorStore
from models.ranker.training import train_ranker
from models.ranker.versions import load_current, save
from tests.default_universe import DEFAULT, SECTOR_ETF_OF, UNIVERSE
from tests.simulation.backtests import small_settings

ROOT = Path(__file__).parents[2]
SPAN = ("--feed", "simulated", "--start", "2021-03-01", "--end", "2021-04-30", "--books", "200")
FILES: dict[Strategy, str] = {"pipeline": "backtest_pipeline_results", "quant_v8": "backtest_v8_results"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_settings(tmp_path_factory.mktemp("config"))


@pytest.mark.parametrize("strategy", ["pipeline", "quant_v8"])
def test_a_script_prints_its_figures_and_writes_them_beside_the_chart(
    strategy: Strategy, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = [*SPAN, "--out", str(tmp_path), "--seed", "3"]
    assert main(strategy, [*asked, "--json"], {}, folder) == 0
    printed = json.loads(capfd.readouterr().out)
    written = json.loads((tmp_path / f"{FILES[strategy]}.json").read_text())
    assert (tmp_path / f"{FILES[strategy]}.png").read_bytes().startswith(b"\x89PNG")
    assert {name: written[name] for name in printed} == printed
    assert printed["about"]["strategy"] == strategy
    assert printed["about"]["seed"] == 3
    assert printed["traded"]["buys"] > 0
    assert len(written["curves"]["strategy"]) == len(written["sessions"]) > 30
    assert main(strategy, [*asked, "--html"], {}, folder) == 0
    told = capfd.readouterr()
    (kept,) = (tmp_path / "runs").iterdir()
    assert f"kept in {kept}" in told.err
    assert json.loads((kept / "run.json").read_text())["report"] == written
    assert (kept / "report.html").is_file()
    sharpe = printed["windows"][0]["table"]["strategy"]["sharpe"]
    assert f"{sharpe:.2f}" in told.out
    assert "hindsight" in told.out
    assert "fit rankers" in told.err
    assert json.loads((tmp_path / f"{FILES[strategy]}.json").read_text()) == written


def test_a_stored_ranker_that_was_trained_later_is_never_used(folder: Path, tmp_path: Path) -> None:
    """The daemon's own artefact knows 2021-06; a backtest of 2021-03 trains its own and never opens it."""
    asked = parser("pipeline").parse_args([*SPAN, "--end", "2021-03-12"])
    spec = spec_of(asked, folder)
    panel = SimulatedMarket(NyseCalendar(), DEFAULT).bars(UNIVERSE, date(2019, 1, 2), date(2021, 6, 30))
    quant = settings_of(spec).trading.quant
    stored = train_ranker(panel, FactorStore(SECTOR_ETF_OF).history(panel), quant, len(panel.sessions) - 1)
    environment = read_environment({"STATE_DIR": str(tmp_path)})
    environment.artefact_dir.mkdir()
    save(stored, environment.artefact_dir, datetime(2021, 7, 1, tzinfo=UTC))
    kept = load_current(environment.artefact_dir)
    assert kept is not None
    assert kept.labels_end > "2021-06"

    bars, source = load_panel(spec, environment, datetime(2021, 7, 1, tzinfo=UTC))
    folds = train(spec, bars)
    done = run_study("pipeline", spec, bars, source, artefacts=folds)
    steps = done.backtest_engine.ledger.decisions(1000)
    used = {step.plan.analysis.models["quant"] for step in steps}
    ends = {one.model_id: one.labels_end for one in folds}
    assert used
    assert used <= set(ends)
    assert stored.model_id not in used
    assert all(ends[step.plan.analysis.models["quant"]] < step.bars_until for step in steps)
    assert bars.sessions[-1] <= np.datetime64("2021-03-12")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--profile", "nonsense"), "There is no profile nonsense"),
        (("--start", "2016-02-01", "--end", "2017-06-01"), "The earliest start is"),
        (("--start", "2016-02-01", "--end", "2016-03-01"), "No start will do"),
        (("--feed", "parquet:/nowhere.parquet"), "there is no file"),
        (("--set", "trading.profile=diversified"), "--profile"),
        (("--set", "trading.broker.slipage_bps=1"), "the nearest known name is broker.slippage_bps"),
    ],
)
def test_what_cannot_be_run_is_a_clear_message(
    wrong: tuple[str, ...], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main("quant_v8", [*SPAN, *wrong], {}, folder) == 2
    assert said in capsys.readouterr().err


def test_a_run_can_set_what_it_likes_for_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--set", "trading.broker.spread_bps=0", "--set", "trading.broker.slippage_bps=25.5"]
    costs: dict[Strategy, float] = {"pipeline": 3.5, "quant_v8": 10.0}
    for strategy, usual in costs.items():
        plain = spec_of(parser(strategy).parse_args([]), folder)
        changed = spec_of(
            parser(strategy).parse_args([*asked, "--set", "trading.synthesizer.allocation=diversified"]), folder
        )
        read = settings_of if strategy == "pipeline" else v8_settings_of
        assert one_way_cost_bps(read(plain).trading) == usual
        assert one_way_cost_bps(read(changed).trading) == 25.5
        assert read(changed).trading.synthesizer.allocation == "diversified"
    with pytest.raises(SystemExit):
        parser("pipeline").parse_args(["--set", "trading.broker.slippage_bps"])
    assert "is not NAME=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["backtest_v8.py", "backtest_pipeline.py"])
def test_each_script_explains_itself(script: str) -> None:
    told = subprocess.run([sys.executable, ROOT / script, "--help"], capture_output=True, text=True, check=True)
    for option in ("--start", "--end", "--feed", "--profile", "--seed", "--json", "--jobs", "--cluster"):
        assert option in told.stdout
