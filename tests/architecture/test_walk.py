"""The walk in ARCHITECTURE.md: what it names exists, and one decision calls it in that order."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import shutil
import sys
import threading
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.servers.daemon import SMALL_MODELS, own_settings
from tests.simulation.desk import models
from tests.simulation.driven import driven, in_new_york

ROOT = Path(__file__).parents[2]
STEP = re.compile(r"^(\d+)\. `([^`:]+):([^`]+)`", re.MULTILINE)
NOT_ON_THE_SIMULATED_MARKET = (
    "adapters/feeds/cached_bars.py",
    "adapters/yahoo/",
    "adapters/feeds/assembly.py",
    "api/",
)
EAGER = {
    "quant": SMALL_MODELS["quant"] | {"candidate_probability_min": 0.0},
    "synthesizer": {"buy_score_min": 0.0},
}
FOUR_A_DAY = {"daily_limits": {"max_daily_trades": 4}}  # so that the second day's decision buys too
DAY_BEFORE, DAY = date(2021, 11, 22), date(2021, 11, 23)
Step = tuple[str, str]


def walk() -> list[Step]:
    """List the walk's (path, function), in order."""
    found = STEP.findall((ROOT / "ARCHITECTURE.md").read_text("utf-8"))
    assert [int(number) for number, _, _ in found] == list(range(1, len(found) + 1)), "the numbers leave one out"
    return [(path, name) for _, path, name in found]


def functions_of(path: Path) -> set[str]:
    """Name the functions of a Python or JavaScript file; methods as Class.method."""
    source = path.read_text("utf-8")
    if path.suffix == ".js":
        return set(re.findall(r"^(?:export )?(?:async )?function (\w+)\(", source, re.MULTILINE))
    names = set()
    for node in ast.parse(source).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        before = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        names |= {before + one.name for one in inside if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
    return names


def first_missing(named: list[Step], called: list[Step]) -> Step | None:
    """Return the first of `named` that `called` lacks after the ones before it; None when all are there."""
    calls = iter(called)
    return next((step for step in named if step not in calls), None)


class Recorder:
    """A profile function that notes the calls of named functions, in every thread, while it is on."""

    def __init__(self, named: list[Step]) -> None:
        self._named = set(named)
        self.on = False
        self.calls: list[Step] = []

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if self.on and event == "call":
            code = frame.f_code
            step = (code.co_filename.removeprefix(f"{ROOT}/"), code.co_qualname)
            if step in self._named:
                self.calls.append(step)


async def one_decision(state: Path, settings: Path, recorder: Recorder) -> None:
    """Decide on one day; record the next day's decision: a new bar is fetched for it, and fills are settled."""
    async with driven(state, in_new_york(DAY_BEFORE, 14), settings=settings) as it:
        await it.run_until(in_new_york(DAY_BEFORE, 14, 15))
        it.clock.set(in_new_york(DAY, 10))
        recorder.on = True
        await it.cron.fire("cron_decide")
        recorder.on = False


def test_the_walk_has_a_beginning_and_an_end() -> None:
    steps = walk()
    assert len(steps) > 20
    assert steps[0][0].startswith("scheduler/")
    assert steps[-1][0].startswith("api/dashboard/")


@pytest.mark.parametrize(("path", "name"), walk())
def test_what_the_walk_names_exists(path: str, name: str) -> None:
    assert name in functions_of(ROOT / path)


def test_a_decision_calls_them_in_that_order(tmp_path: Path) -> None:
    shutil.copytree(models().name, tmp_path / "state" / "models")
    (tmp_path / "config").mkdir()
    settings = own_settings(tmp_path / "config")
    (settings / "trading.json").write_text(json.dumps({**SMALL_MODELS, **EAGER}))
    (settings / "risk.json").write_text(json.dumps(FOUR_A_DAY))
    named = [step for step in walk() if not step[0].startswith(NOT_ON_THE_SIMULATED_MARKET)]
    assert len(named) > 15
    recorder = Recorder(named)
    before = sys.getprofile()
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        asyncio.run(one_decision(tmp_path / "state", settings, recorder))
    finally:
        sys.setprofile(before)
        threading.setprofile(before)
    assert first_missing(named, recorder.calls) is None


def test_a_wrong_order_is_caught() -> None:
    a, b = ("x.py", "a"), ("x.py", "b")
    assert first_missing([a, b], [a, a, b]) is None
    assert first_missing([a, b], [b, a]) == b
    assert first_missing([a, b], [b]) == a
