"""A short slice of `make chaos`: the first of the same seeded weeks, one of them with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIRST, RUNS = 8, 5


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_no_fault_and_no_death_doubles_an_order_or_loses_a_fill() -> None:
    command = [sys.executable, "-m", "tests.chaos", "--first", str(FIRST), "--runs", str(RUNS), "--jobs", "2"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(ended.stdout.splitlines()[-1])
    assert (told["runs"], told["with_real_processes"], told["broken_runs"]) == (RUNS, 1, [])
    assert min(told["kills"], told["buys"], told["sells"]) >= RUNS
    assert told["faults"] > 100
