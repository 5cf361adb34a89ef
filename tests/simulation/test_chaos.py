"""A short slice of `make chaos` and `make soak`: single sessions of the same seeded weeks, and three days."""

from __future__ import annotations

import asyncio
import sys
from datetime import date
from pathlib import Path

import pytest

from tests.chaos.runs import run_here, run_processes
from tests.chaos.soak import growth, soak

SEEDS = (1, 3, 4, 11, 12, 14)
SUNDAY = date(2021, 11, 21)
JOBS = ("cron_regime", "cron_decide", "cron_risk_check", "cron_weekly_retrain")


@pytest.mark.parametrize("seed", SEEDS)
def test_no_fault_and_no_death_doubles_an_order_or_loses_a_fill(seed: int) -> None:
    assert run_here(seed, sessions=1).broken == ()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL and no fork")
def test_real_processes_that_are_killed_keep_the_same_laws() -> None:
    assert run_processes(8, sessions=1).broken == ()


def test_a_seed_tells_the_whole_story() -> None:
    first, second = (run_here(11, sessions=1).figures for _ in range(2))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process holds is read from /proc")
def test_three_days_of_all_jobs_leave_nothing_behind(tmp_path: Path) -> None:
    seen = asyncio.run(soak(tmp_path, 3, first=SUNDAY))
    assert all(seen.runs[f"{job} done"] for job in JOBS)
    assert not [run for run in seen.runs if run.endswith("failed")]
    assert seen.fills > 0
    assert growth(seen, warm_day=2, all_jobs_day=2) == []
