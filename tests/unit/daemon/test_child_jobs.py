"""Long work in a child process: progress, result, failure, death, one of a kind at a time."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from core.errors import EngineError, RequestError
from core.long_jobs import JobStatus
from core.types import Event
from daemon.child_jobs import JobRunner


class Clock:
    is_real_time = False

    def now(self) -> datetime:
        return datetime(2025, 1, 2, tzinfo=UTC)


class Sink:
    def __init__(self) -> None:
        self.heard: list[Mapping[str, Any]] = []

    def publish(self, topic: str, at: datetime, data: Mapping[str, Any]) -> Event:
        assert topic == "job.progress"
        self.heard.append(data)
        return Event(topic=topic, sequence=len(self.heard), at=at, data=data)


def double(progress: Callable[[float, str], None], number: int) -> dict[str, int]:
    progress(0.5, "half-way")
    return {"double": 2 * number, "pid": os.getpid()}


def refuse(progress: Callable[[float, str], None]) -> None:
    raise EngineError("too few bars", hint="get more")


def err(progress: Callable[[float, str], None]) -> None:
    json.loads("{'a': 1}")


def die(progress: Callable[[float, str], None]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def linger(progress: Callable[[float, str], None]) -> None:
    time.sleep(60)


def test_work_runs_elsewhere_and_tells_of_its_progress() -> None:
    sink = Sink()
    runner = JobRunner(Clock(), sink)
    job = runner.wait(
        runner.start("train", double, (21,), lambda r: {"answer": r["double"], "pid": r["pid"]}).job_id, 60
    )
    assert job.status is JobStatus.DONE
    assert job.result["answer"] == 42
    assert job.result["pid"] != os.getpid()
    assert [data["progress"] for data in sink.heard] == [0.5, 1.0]
    assert sink.heard[0]["message"] == "half-way"


@pytest.mark.parametrize(("work", "words"), [(refuse, "too few bars get more"), (die, "exit code -9")])
def test_failure_is_told(work: Callable[..., Any], words: str) -> None:
    runner = JobRunner(Clock(), Sink())
    job = runner.wait(runner.start("train", work, (), dict).job_id, 60)
    assert job.status is JobStatus.FAILED
    assert words in job.error


def test_a_fault_of_our_own_is_told_without_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    runner = JobRunner(Clock(), Sink())
    job = runner.wait(runner.start("train", err, (), dict).job_id, 60)
    assert job.status is JobStatus.FAILED
    assert "JSONDecodeError: it is no JSON" in job.error
    assert "Nothing was changed" in job.error
    assert not any(noise in job.error for noise in ("Traceback", "Expecting", "\n", ".py"))
    assert "json.loads" in capsys.readouterr().out  # the log has it


def test_one_of_a_kind_at_a_time_and_stop_ends_it() -> None:
    runner = JobRunner(Clock(), Sink())
    first = runner.start("train", linger, (), dict)
    with pytest.raises(RequestError, match="already running") as caught:
        runner.start("train", double, (1,), dict)
    assert caught.value.status == 409
    deadline = time.monotonic() + 30
    while not runner._children and time.monotonic() < deadline:
        time.sleep(0.01)
    runner.stop()
    assert runner.wait(first.job_id, 30).status is JobStatus.FAILED
