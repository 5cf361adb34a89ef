"""A training that is cancelled leaves no process and no file behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("stable_baselines3")

from adapters.clock import ManualClock
from adapters.events.hub import EventHub
from config.trading import RegimeSettings, RlSettings
from config.universe import read_default
from core.long_jobs import JobStatus
from daemon.child_jobs import JobRunner
from models.rl.child import TrainingSpec, train_ensemble
from tests.panels import make_panel

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
SECONDS_MAX = 300.0  # on a machine that does much else


def descendants(of: int) -> set[int]:
    """Find the processes below one that train or wait to: spawned by it or by a child of its."""
    children: dict[int, set[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            spawned = b"spawn_main" in (folder / "cmdline").read_bytes()
        except (OSError, IndexError, ValueError):
            continue
        if spawned:
            children.setdefault(parent, set()).add(int(folder.name))
    found, todo = set[int](), {of}
    while todo:
        todo = set().union(*(children.get(process, set()) for process in todo))
        found |= todo
    return found


def alive(processes: set[int]) -> set[int]:
    return {process for process in processes if Path(f"/proc/{process}").exists()}


def training_processes() -> set[int]:
    """Find the pools' processes: the children of this process's spawned children."""
    direct = descendants(os.getpid())
    return {below for process in direct for below in descendants(process)}


def test_a_cancelled_training_leaves_nothing(tmp_path: Path) -> None:
    before = training_processes()
    runner = JobRunner(ManualClock(datetime(2025, 1, 6, tzinfo=UTC)), EventHub())
    settings = RlSettings(timesteps=5_000_000, validation_sessions=60, episode_sessions=20)
    arguments = (
        make_panel(0, 620),
        read_default().sector_etf_of,
        RegimeSettings(restarts=1),
        settings,
        TrainingSpec(tickers=("KO",), members=("ppo",), explicit=False),
    )
    saved: list[object] = []

    def finish(packed: object) -> dict[str, object]:
        saved.append(packed)
        return {}

    job = runner.start("train", train_ensemble, arguments, finish)
    limit = time.monotonic() + SECONDS_MAX
    while not (own := training_processes() - before) and time.monotonic() < limit:
        assert not runner.wait(job.job_id, 0).error
        time.sleep(0.05)
    assert own, runner.get(job.job_id)
    runner.stop()
    ended = runner.wait(job.job_id, SECONDS_MAX)
    assert ended.status is JobStatus.FAILED
    assert "nothing was changed" in ended.error
    assert not saved
    while alive(own) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not alive(own)


def test_training_processes_end_with_whoever_started_them_even_if_it_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "trains.py"
    program.write_text(
        "from tests.unit.models.rl.test_training import a_task\n"
        "from models.rl.workers import train_side_by_side\n"
        "if __name__ == '__main__':\n"
        "    task = a_task('ppo', timesteps=50_000_000)\n"
        "    train_side_by_side([task, task], 2, lambda index, fraction: None)\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    parent = subprocess.Popen([sys.executable, str(program)], cwd=root, env=environment)
    limit = time.monotonic() + SECONDS_MAX
    try:
        while len(own := descendants(parent.pid)) < 2 and time.monotonic() < limit:
            assert parent.poll() is None
            time.sleep(0.05)
        assert len(own) == 2
    finally:
        parent.kill()
        parent.wait()
    while alive(own) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not alive(own)
