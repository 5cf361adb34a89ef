"""A short slice of `make chaos` and `make soak`: single sessions of the same seeded weeks, and three days."""

from __future__ import annotations

import asyncio
import sys
from datetime import date
from pathlib import Path

import pytest

from tests.chaos.runs import run_here, run_processes
from tests.chaos.soak import growth, soak

SEEDS = (3, 4, 6, 7, 9, 11)
BEFORE_THANKSGIVING = date(2021, 11, 24)
JOBS = ("cron_regime", "cron_decide", "cron_risk_check")


@pytest.mark.parametrize("seed", SEEDS)
def test_no_fault_and_no_death_doubles_an_order_or_loses_a_fill(seed: int) -> None:
    assert run_here(seed, sessions=1).broken == ()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL and no fork")
def test_real_processes_that_are_killed_keep_the_same_laws() -> None:
    assert run_processes(8, sessions=1).broken == ()


def test_a_seed_tells_the_whole_story() -> None:
    first, second = (run_here(7, sessions=1).figures for _ in range(2))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process holds is read from /proc")
def test_three_days_of_the_jobs_leave_nothing_behind(tmp_path: Path) -> None:
    """A whole day, a holiday and a half day; `make soak` has the weekly retrain too."""
    seen = asyncio.run(soak(tmp_path, 3, first=BEFORE_THANKSGIVING))
    assert {name: seen.runs[f"{name} done"] for name in JOBS} == {
        "cron_regime": 2, "cron_decide": 29 + 17, "cron_risk_check": 85 + 49,
    }  # fmt: skip
    assert not [run for run in seen.runs if run.endswith("failed")]
    assert seen.fills > 0
    assert growth(seen, warm_day=1, all_jobs_day=1) == []
