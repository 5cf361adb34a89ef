"""A run that is kept: its files agree with the run, the same run is the same bytes, none replaces another."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from analysis.trades import round_trips
from backtest.app.run_folder import TRADE_COLUMNS, keep_run
from backtest.app.run_page import write_page
from backtest.verdict import verdict
from core.errors import DataError
from tests.simulation.backtests import BOOKS, spec, study


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keep_run(study("pipeline"), spec(), tmp_path_factory.mktemp("runs"))


class Page(HTMLParser):
    """What a page refers to, and its table rows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: dict[str, int] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.links += [value or "" for name, value in attrs if name in {"src", "href"}]


def test_its_name_has_strategy_profile_span_and_digest(kept: Path) -> None:
    about, sessions = study("pipeline").report.about, study("pipeline").report.sessions
    assert kept.name == f"pipeline-{about.profile}-{sessions[0]}-{sessions[-1]}-{about.config_digest[:12]}"


def test_trades_and_equity_are_the_runs(kept: Path) -> None:
    trips = round_trips(study("pipeline").run.fills)
    assert len(trips) > 10
    table = parquet.read_table(kept / "trades.parquet").to_pylist()
    with (kept / "trades.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert tuple(rows[0]) == TRADE_COLUMNS == tuple(table[0])
    assert (
        [row["ticker"] for row in rows]
        == [round_trip.symbol for round_trip in trips]
        == [row["ticker"] for row in table]
    )
    total = sum(round(float(row["profit_usd"]) * 100) for row in rows)
    assert total == sum(int(round_trip.profit_usd * 100) for round_trip in trips)
    equity = parquet.read_table(kept / "equity.parquet")
    assert equity["strategy"].to_pylist() == list(study("pipeline").report.curves["strategy"])
    assert equity["exposure"].to_pylist() == study("pipeline").run.exposure.tolist()
    assert len((kept / "equity.csv").read_text().splitlines()) == 1 + len(study("pipeline").report.sessions)


def test_the_fan_holds_its_quantiles_in_order(kept: Path) -> None:
    fan = json.loads((kept / "run.json").read_bytes())["report"]["fan"]
    curves = np.array([fan[name] for name in ("p05", "p25", "p50", "p75", "p95")])
    assert (np.diff(curves, axis=0) >= 0).all()
    assert (curves[:, 0] == 1.0).all() and (curves[4, -1] > curves[0, -1])


def test_the_drawdowns_are_the_curves(kept: Path) -> None:
    run = json.loads((kept / "run.json").read_bytes())
    curve = dict(zip(run["report"]["sessions"], run["report"]["curves"]["strategy"], strict=True))
    found = run["drawdowns"]
    assert found and found == sorted(found, key=lambda one: one["depth"])
    for one in found:
        assert curve[one["trough"]] / curve[one["peak"]] - 1 == pytest.approx(one["depth"])
    worst = run["report"]["windows"][0]["table"]["strategy"]["drawdown_max"]
    assert found[0]["depth"] == pytest.approx(worst)


def test_the_page_needs_nothing_from_outside_and_shows_every_trade(kept: Path) -> None:
    text = write_page(kept).read_text("utf-8")
    page = Page(text)
    assert page.links and all(link.startswith("data:image/png;base64,") for link in page.links)
    assert (
        "script" not in page.tags and "link" not in page.tags and "http" not in re.sub("<pre>.*</pre>", "", text)
    )
    report = study("pipeline").report
    assert verdict(report).split(":")[0] in text
    assert f"{len(round_trips(study('pipeline').run.fills))} closed" in text
    for said in (
        str(report.about.seed),
        report.about.config_digest[:12],
        "when the settings were chosen",
        "hindsight",
    ):
        assert said in text
    assert str(BOOKS) in text


def test_the_worked_example_reads_it(kept: Path) -> None:
    example = Path(__file__).parents[2] / "docs/examples/read_backtest.py"
    read = subprocess.run([sys.executable, example, kept], capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    assert verdict(study("pipeline").report) in read.stdout
    assert "above random_p95" in read.stdout


def test_where_nothing_can_be_written_it_says_so_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"could not be kept .* figures are not affected"):
        keep_run(study("pipeline"), spec(), tmp_path / "file")


def test_a_run_without_a_trade_is_kept_too(tmp_path: Path) -> None:
    whole = study("pipeline")
    flat = np.ones(len(whole.run.sessions))
    one = (1.0,) * len(flat)
    report = replace(
        whole.report,
        curves=dict.fromkeys(whole.report.curves, one),
        fan=dict.fromkeys(whole.report.fan, one),
        exposure=(0.0,) * len(flat),
    )
    idle = replace(whole, report=report, run=replace(whole.run, fills=(), equity=flat, exposure=flat * 0))
    page = write_page(keep_run(idle, spec(), tmp_path)).read_text("utf-8")
    assert "0 closed" in page
    assert len(parquet.read_table(next(tmp_path.iterdir()) / "trades.parquet")) == 0


def test_the_same_run_is_the_same_bytes_and_another_gets_a_folder_of_its_own(kept: Path) -> None:
    before = {path.name: path.read_bytes() for path in kept.iterdir() if path.suffix != ".html"}
    assert keep_run(study("pipeline"), spec(), kept.parent) == kept
    assert {name: (kept / name).read_bytes() for name in before} == before
    other = replace(study("pipeline").report, warnings=("other bars",))
    second = keep_run(replace(study("pipeline"), report=other), spec(), kept.parent)
    assert second.name == f"{kept.name}-2"
    assert (kept / "run.json").read_bytes() == before["run.json"]


def test_a_verdict_names_what_was_seen_and_does_not_praise_chance() -> None:
    said = verdict(study("pipeline").report)
    assert "\n" not in said and said.endswith("when the settings were chosen.")
    window = study("pipeline").report.windows[0]
    chance = replace(window, luck=replace(window.luck, percentile=60.0))
    assert verdict(replace(study("pipeline").report, windows=(chance,))).startswith("Not shown to be better")
    interval, found = window.significance.interval, window.significance
    assert interval is not None
    lucky = replace(
        window,
        luck=replace(window.luck, percentile=99.0),
        significance=replace(found, deflated=0.99, interval=interval._replace(low=0.2)),
        table={
            name: replace(one, sharpe=2.0 if name == "strategy" else 1.0) for name, one in window.table.items()
        },
    )
    assert verdict(replace(study("pipeline").report, windows=(lucky,))).startswith(
        "Better than chance, and better"
    )
    beaten = replace(
        lucky,
        table={
            name: replace(one, sharpe=1.0 if name == "strategy" else 2.0) for name, one in lucky.table.items()
        },
    )
    assert verdict(replace(study("pipeline").report, windows=(beaten,))).startswith("Better than chance, but not")
    idle = replace(window, luck=replace(window.luck, percentile=None))
    assert verdict(replace(study("pipeline").report, windows=(idle,))).startswith("Nothing is shown")
