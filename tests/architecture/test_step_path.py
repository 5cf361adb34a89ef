"""The way from an alarm to the first line of the step stays short: few calls, in few files.

`python -m tests.architecture.test_step_path` prints it.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

from pipeline.engine import Engine
from tests.servers.daemon import own_settings
from tests.simulation.desk import models
from tests.simulation.driven import driven
from tests.simulation.driven import in_new_york as at

ROOT = Path(__file__).parents[2]
CALLS_MAX, FILES_MAX = 8, 6
HANDED_OVER, FIRST_LINE = ThreadPoolExecutor.submit.__code__, Engine.step.__code__
Call = tuple[str, str]


class StepPath:
    """The project's frames on the stack when the step is handed to the engine's thread, and at its first line."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.watching = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if self.watching and event == "call" and frame.f_code in (HANDED_OVER, FIRST_LINE):
            self.calls += project_stack(frame)
            self.watching = frame.f_code is not FIRST_LINE


def project_stack(frame: FrameType | None) -> list[Call]:
    """Give the calls that are under way, outermost first: file and function, libraries and tests left out."""
    calls: list[Call] = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and not path.is_relative_to(ROOT / "tests") and ".venv" not in path.parts:
            calls.append((path.relative_to(ROOT).as_posix(), frame.f_code.co_qualname))
        frame = frame.f_back
    return calls[::-1]


def step_path(folder: Path) -> list[Call]:
    """Let the whole daemon meet one alarm, on a clock that is moved to it."""
    (folder / "config").mkdir()
    shutil.copytree(models().name, folder / "state" / "models")
    path = StepPath()

    async def one_alarm() -> None:
        begins, settings = at(date(2021, 11, 24), 10, 1), own_settings(folder / "config")
        async with driven(folder / "state", begins, settings=settings) as daemon:
            path.watching = True
            await daemon.next_due()
            assert daemon.fired == [(at(date(2021, 11, 24), 10, 5), "cron_risk_check")]

    before = sys.getprofile()
    threading.setprofile(path)  # of the threads that begin from now on, the engine's among them
    sys.setprofile(path)
    try:
        asyncio.run(one_alarm())
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
    return path.calls


def lines(calls: list[Call]) -> str:
    files = {file for file, _ in calls}
    return "\n".join(
        [*(f"{file}: {function}" for file, function in calls), f"{len(calls)} calls, {len(files)} files"]
    )


def test_from_the_alarm_to_the_first_line_of_the_step(tmp_path: Path) -> None:
    calls = step_path(tmp_path)
    print(lines(calls))
    assert calls[0] == ("scheduler/cron.py", "Cron.fire")
    assert calls[-1] == ("pipeline/engine.py", "Engine.step")
    assert len(calls) <= CALLS_MAX, lines(calls)
    assert len({file for file, _ in calls}) <= FILES_MAX, lines(calls)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        print(lines(step_path(Path(made))))
