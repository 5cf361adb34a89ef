"""`python -m tests.parity.compare_with REV`: does this tree behave as another commit did, byte for byte?

Both trees run the same commands on the same bars: the backtests over 2022 (JSON reports), one seeded chaos week
(every row of its ledger), and the OpenAPI document. Needs ../shared; takes about five minutes. Exit code 1 if
anything differs; what differs is printed, so that a release can name it.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).parents[2]
BARS = ROOT.parent / "shared" / "data" / "universe_daily.parquet"
SPAN = ("--start", "2022-01-03", "--end", "2022-12-30")
BACKTESTS = {
    "v8": ("backtest_v8.py",),
    "runbook": ("backtest_pipeline.py", "--profile", "runbook"),
    "diversified": ("backtest_pipeline.py", "--profile", "diversified"),
}
CHAOS_SEED = 11
CHAOS = """
import sys
from contextlib import closing, contextmanager
from tests.chaos import runs
@contextmanager
def kept():
    yield sys.argv[1]
runs.state_folder = kept
outcome = runs.run_here(int(sys.argv[2]), 5)
assert not outcome.broken, outcome.broken
"""
OPENAPI = """
import json, sys
from api.app import create_app
from config.environment import read_environment
environment = read_environment({"STATE_DIR": sys.argv[1], "DATA_PROVIDER": "simulated"})
try:
    from daemon.wiring import build_daemon
    made = build_daemon(environment)
    service = made.service
except ImportError:
    from pipeline.bootstrap import build_service
    made = service = build_service(environment)
print(json.dumps(create_app(service, made.hub, environment, made.metrics).openapi(), indent=1, sort_keys=True))
"""


def record(tree: Path, out: Path) -> dict[str, str]:
    """Run everything in `tree`; give the texts to compare by name."""
    found = {}
    for name, command in BACKTESTS.items():
        _python(tree, [*command, "--feed", f"parquet:{BARS}", *SPAN, "--out", str(out / name)], out)
        found[f"backtest {name}"] = next((out / name).glob("*.json")).read_text("utf-8")
    week = out / "chaos"
    week.mkdir()
    _python(tree, ["-c", CHAOS, str(week), str(CHAOS_SEED)], out)
    found["ledger of the chaos week"] = ledger_rows(week / "ledger.sqlite")
    found["OpenAPI"] = _python(tree, ["-c", OPENAPI, str(out / "api")], out)
    return found


def ledger_rows(path: Path) -> str:
    """Give every row of every table as text; asserts that the week traded."""
    with closing(sqlite3.connect(path)) as rows:
        tables = [
            name for (name,) in rows.execute("SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")
        ]
        each = "SELECT * FROM {} ORDER BY 1".format
        lines = [f"{table} {row!r}" for table in tables for row in rows.execute(each(table))]
    assert sum(line.startswith("fills ") for line in lines) > 10, "the week did not trade"
    return "\n".join(lines)


def differences(before: dict[str, str], after: dict[str, str]) -> dict[str, list[str]]:
    """Give the differing lines by name; empty where the texts are equal."""
    return {
        name: [
            line
            for line in difflib.unified_diff(
                before[name].splitlines(), after[name].splitlines(), n=0, lineterm=""
            )
            if line[:3] not in ("---", "+++")
        ]
        for name in before
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("--lines", type=int, default=40, help="how many differing lines to print of each")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        other = home / "tree"
        subprocess.run(["git", "worktree", "add", "--detach", str(other), asked.revision], cwd=ROOT, check=True)
        try:
            found = differences(record(other, _new(home / "before")), record(ROOT, _new(home / "after")))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(other)], cwd=ROOT, check=True)
            shutil.rmtree(other, ignore_errors=True)
    for name, lines in found.items():
        print(f"{name}: {'equal' if not lines else f'{len(lines)} lines differ'}")
        for line in lines[: asked.lines]:
            print("   ", line[:200])
    print(json.dumps({name: len(lines) for name, lines in found.items()}))
    return int(any(found.values()))


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _python(tree: Path, command: list[str], out: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(tree), "STATE_DIR": str(out / "state")}
    done = subprocess.run(
        [sys.executable, *command], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{tree} {command[:2]}: {done.stderr[-2000:]}"
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
