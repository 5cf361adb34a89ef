"""The oldest runs are let go beyond a number: not the newest, not a pinned one, and nobody's own files."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from adapters.backtest_runs import FileBacktestRuns
from backtest.app.kept_runs import forget_oldest
from backtest.app.run_folder import FILES
from core.backtest_runs import SUMMARY


def keep(parent: Path, name: str, at: int) -> Path:
    """Write an empty run that was kept at a time."""
    folder = parent / name
    folder.mkdir(parents=True)
    for file in (*FILES, SUMMARY):
        (folder / file).write_text("{}")
    os.utime(folder / SUMMARY, (at, at))
    return folder


def names(parent: Path) -> set[str]:
    return {path.parent.name for path in parent.glob(f"*/{SUMMARY}")}


def test_the_oldest_go_and_are_named(tmp_path: Path) -> None:
    for at in range(1, 6):
        keep(tmp_path, f"run{at}", at)
    assert FileBacktestRuns(tmp_path).pin("run1")
    assert forget_oldest(tmp_path, 2, tmp_path / "run5") == ("run3", "run2")
    assert {path.name for path in tmp_path.iterdir()} == {"run1", "run4", "run5"}
    assert forget_oldest(tmp_path, 2, tmp_path / "run5") == ()


def test_without_a_limit_none_goes(tmp_path: Path) -> None:
    newest = [keep(tmp_path, f"run{at}", at) for at in range(1, 6)][-1]
    assert forget_oldest(tmp_path, None, newest) == ()
    assert len(names(tmp_path)) == 5


def test_the_newest_stays_though_its_clock_was_behind(tmp_path: Path) -> None:
    newest = keep(tmp_path, "newest", 1)
    keep(tmp_path, "older", 2)
    assert forget_oldest(tmp_path, 1, newest) == ("older",)
    assert names(tmp_path) == {"newest"}


def test_what_a_person_put_into_a_folder_stays(tmp_path: Path) -> None:
    old, newest = keep(tmp_path, "old", 1), keep(tmp_path, "newest", 2)
    (old / "my notes.md").write_text("why it lost")
    assert forget_oldest(tmp_path, 1, newest) == ("old",)
    assert [path.name for path in old.iterdir()] == ["my notes.md"]


@given(times=st.lists(st.integers(1, 50), min_size=1, max_size=12), kept_max=st.integers(1, 6), data=st.data())
def test_so_many_are_left_and_they_are_the_newest(times: list[int], kept_max: int, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        parent = Path(folder)
        at = {f"run{place}": time for place, time in enumerate(times)}
        for name, time in at.items():
            keep(parent, name, time)
        pinned = data.draw(st.sets(st.sampled_from(sorted(at))))
        for name in pinned:
            FileBacktestRuns(parent).pin(name)
        newest = max(at, key=lambda name: at[name])
        gone = set(forget_oldest(parent, kept_max, parent / newest))
        left, held = names(parent), pinned | {newest}
    assert left == set(at) - gone
    assert held <= left
    assert len(left - held) == min(kept_max - 1, len(set(at) - held))
    assert not gone or all(at[name] >= max(at[old] for old in gone) for name in left - held)
