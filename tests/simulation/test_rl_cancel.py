"""A training that is cancelled leaves no process and no file behind."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("stable_baselines3")

from adapters.clock import ManualClock
from adapters.events.hub import EventHub
from config.trading import RegimeSettings, RlSettings
from core.service import JobStatus
from daemon.child_jobs import JobRunner
from models.rl.child import TrainingSpec, train_ensemble
from tests.panels import make_panel

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
SECONDS_MAX = 90.0


def training_processes() -> set[int]:
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"models.rl.worker" in words:
            found.add(int(folder.name))
    return found


def test_a_cancelled_training_leaves_nothing(tmp_path: Path) -> None:
    before = training_processes()
    runner = JobRunner(ManualClock(datetime(2025, 1, 6, tzinfo=UTC)), EventHub())
    settings = RlSettings(timesteps=5_000_000, validation_sessions=60, episode_sessions=20)
    arguments = (
        make_panel(0, 620),
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
    while training_processes() & own and time.monotonic() < limit:
        time.sleep(0.05)
    assert not training_processes() & own
