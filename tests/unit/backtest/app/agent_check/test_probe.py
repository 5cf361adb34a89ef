"""What counts as an agent's own reach for a file, and what is a library that looks for plug-ins."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from backtest.app.agent_check.probe import WATCH


def heard(action: object) -> list[str]:
    touched: list[str] = []
    assert callable(action)
    with WATCH.noting(touched), WATCH.on():
        action()
    return touched


def test_a_library_that_looks_for_plug_ins_is_no_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = tmp_path / "engine.egg-info"
    metadata.mkdir()
    (metadata / "entry_points.txt").write_text("[a.group]\na = b:c\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found: list[str] = []
    assert heard(lambda: found.extend(entry.name for entry in entry_points(group="a.group"))) == []
    assert found == ["a"], "it was read"


def test_another_file_of_that_folder_or_another_folder_s_is_one(tmp_path: Path) -> None:
    for name in ("engine.egg-info/prices.txt", "elsewhere/engine.dist-info/METADATA"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1")
        assert heard(path.read_text) == [f"the file {path}"]
