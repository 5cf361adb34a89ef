"""Kept runs read back: newest first, a damaged one left out, nothing outside the folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from adapters.backtest_runs import FileBacktestRuns

WRITTEN: dict[str, Any] = {
    "strategy": "pipeline", "profile": "runbook", "source": "made up", "seed": 7, "first": "2024-01-02",
    "last": "2024-06-28", "config_digest": "ab" * 32, "verdict": "Not shown.", "figures": {"sharpe": None},
}  # fmt: skip


def keep(folder: Path, name: str, at: int, summary: str = json.dumps(WRITTEN)) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "summary.json").write_text(summary)
    (folder / name / "run.json").write_text("{}")
    os.utime(folder / name / "summary.json", (at, at))


def test_runs_are_listed_newest_first_and_a_damaged_one_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name, at in (("old", 1_000), ("new", 3_000)):
        keep(tmp_path, name, at)
    keep(tmp_path, "damaged", 2_000, '{"strategy": 1')
    runs = FileBacktestRuns(tmp_path)
    assert [one.name for one in runs.newest(10)] == ["new", "old"]
    assert [one.name for one in runs.newest(1)] == ["new"]
    assert "damaged" in caplog.text
    assert runs.run("new") == b"{}"
    assert runs.page("new") is None


@pytest.mark.parametrize("name", ["..", "../secret", "/etc", "", ".", "new/../../secret", "new\n"])
def test_nothing_outside_the_folder_is_read(tmp_path: Path, name: str) -> None:
    keep(tmp_path / "secret", "", 1)
    keep(tmp_path / "runs", "new", 1)
    assert FileBacktestRuns(tmp_path / "runs").run(name) is None


def test_without_a_folder_there_are_none(tmp_path: Path) -> None:
    assert FileBacktestRuns(tmp_path / "nowhere").newest(5) == ()


def test_a_pinned_run_says_so_until_it_is_let_go(tmp_path: Path) -> None:
    keep(tmp_path, "one", 1_000)
    runs = FileBacktestRuns(tmp_path)
    assert [one.pinned for one in runs.newest(5)] == [False]
    for _ in range(2):  # twice is once
        assert runs.pin("one")
        assert [one.pinned for one in runs.newest(5)] == [True]
    for _ in range(2):
        assert runs.unpin("one")
        assert [one.pinned for one in runs.newest(5)] == [False]
    for name in ("nothing", "..", "../secret", ""):
        assert not runs.pin(name) and not runs.unpin(name)
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
