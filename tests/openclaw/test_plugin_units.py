"""The OpenClaw plugin's own units, on whatever Node is here."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "openclaw" / "test").glob("*.test.js"))
LINES_MAX = 300
NODE = shutil.which("node")
NODE_MAJOR_MIN = 20
SECONDS_MAX = 240


def node_major() -> int:
    if NODE is None:
        return 0
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", said)
    return int(found.group(1)) if found else 0


@pytest.mark.skipif(node_major() < NODE_MAJOR_MIN, reason=f"there is no Node {NODE_MAJOR_MIN} or newer here")
def test_the_units_pass() -> None:
    assert NODE is not None
    assert len(UNITS) > 5
    command = [NODE, "--test", "--test-reporter=spec", *map(str, UNITS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS_MAX)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    passed = re.search(r"pass (\d+)", done.stdout)
    assert passed, done.stdout[-2000:]
    assert int(passed.group(1)) > 50


def test_its_files_stay_small() -> None:
    sources = [ROOT / "openclaw" / "index.js", *(ROOT / "openclaw").glob("src/*.js")]
    assert len(sources) > 10
    assert [p.name for p in sources if p.read_text("utf-8").count("\n") >= LINES_MAX] == []
