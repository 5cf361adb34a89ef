"""The commands on universes, as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from rich.table import Table

from cli.universe import hindsight_lines, stock_lines

ROOT = Path(__file__).parents[3]


def run(*words: str, state: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli", "universe", *words]
    variables = {**os.environ, "STATE_DIR": str(state), "PYTHONPATH": str(ROOT)}
    return subprocess.run(  # our own command
        command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_check_says_what_is_there_and_what_is_missing(tmp_path: Path) -> None:
    made = run("check", "dow", "--feed", "none", "--json", state=tmp_path)
    found = json.loads(made.stdout)
    assert (found["name"], found["dated"], found["member_days_with_bars"]) == ("dow", False, None)
    assert found["stocks"] == found["members_now"] == 30
    simulated = json.loads(run("check", "default", "--feed", "simulated", "--json", state=tmp_path).stdout)
    assert simulated["member_days_with_bars"] == 1.0
    assert simulated["without_bars"] == []
    assert simulated["ended"] == {}


def test_the_stocks_are_listed_as_they_are_read(tmp_path: Path) -> None:
    listed = json.loads(run("show", "dow", "--json", state=tmp_path).stdout)
    assert len(listed) == 30
    assert {"ticker": "AAPL", "sector": "Information Technology", "etf": "XLK", "belongs": []} in listed
    undated = run("show", "dow", "--on", "2020-01-02", state=tmp_path)
    assert undated.returncode == 2
    assert "who belonged on that day is not known" in undated.stderr
    table = next(iter(stock_lines("mine", [{**listed[0], "belongs": [
        {"from": "2019-01-02", "to": "2020-01-02"}, {"from": "2021-01-04", "to": None},
    ]}])))  # fmt: skip
    assert isinstance(table, Table)
    assert [str(cell) for cell in table.columns[3].cells] == ["from 2019-01-02 to 2020-01-02, from 2021-01-04"]


def test_an_unknown_universe_is_refused_with_the_nearest(tmp_path: Path) -> None:
    made = run("check", "sp50", state=tmp_path)
    assert made.returncode == 2
    assert "the nearest known name is sp500" in made.stderr


def test_hindsight_is_a_table_of_strategies_by_universe() -> None:
    performance = {"cagr": 0.1, "sharpe": 0.5, "drawdown_max": -0.2, "trades": 3}
    row = {
        "universe": "the fixed names", "strategy": "runbook", "first": "2022-01-03", "last": "2022-12-30",
        "performance": performance,
    }  # fmt: skip
    table, note = hindsight_lines([row, {**row, "performance": {**performance, "sharpe": None}}])
    assert isinstance(table, Table)
    assert [[str(cell) for cell in column.cells] for column in table.columns][2:4] == [
        ["+10.00%", "+10.00%"],
        ["0.50", "-"],
    ]
    assert "know today" in str(note)


def test_hindsight_of_a_universe_without_dates_is_refused_before_any_run(tmp_path: Path) -> None:
    made = run("hindsight", "sp500", "--feed", "parquet:/nowhere.parquet", state=tmp_path)
    assert made.returncode == 2
    assert "sp500 has no dates" in made.stderr
