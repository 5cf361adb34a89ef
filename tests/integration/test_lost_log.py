"""A log that is lost changes no answer, no step, no halt and no exit code, whatever became of its reader."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.servers.daemon import Process, own_settings

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a shell and /dev/full")


class Closed(Process):
    redirection = "2>&-"


class AllClosed(Process):
    redirection = "<&- >&- 2>&-"


class Full(Process):
    redirection = ">/dev/full 2>&1"


class BrokenPipe(Process):
    redirection = "2> >(exec true)"

    def _redirected(self, command: list[str]) -> list[str]:
        return ["bash", *super()._redirected(command)[1:]]


class ReaderAsleep(BrokenPipe):
    """The pipe's reader never reads: once it is full a write would wait for ever."""

    redirection = "2> >(exec sleep 600)"


def noisy(process: Process, requests: int) -> None:
    """Have more logged than a pipe holds."""
    for number in range(requests):
        process.http.get("/health", headers={"Authorization": f"Bearer wrong {number}"})


@pytest.mark.parametrize("kind", [Closed, AllClosed, Full, BrokenPipe, ReaderAsleep], ids=lambda kind: kind.__name__)
def test_answers_steps_halts_and_the_exit_code_stay(tmp_path: Path, kind: type[Process]) -> None:
    with kind(tmp_path / "state", own_settings(tmp_path / "settings")) as process:
        process.wait_ready()
        for number in range(40 if kind is ReaderAsleep else 2):
            assert process.answer("/risk/check", "POST")["decision_id"], number
        decided = process.answer("/decide/v3", "POST", json={"execute": True})
        assert decided["data"]["source"] == "simulated"
        assert any(one["decision_id"] == decided["decision_id"] for one in process.answer("/decisions")["decisions"])
        assert process.answer("/halt", "POST", json={"reason": "nobody reads the log"})["trading_state"] == "halted"
        assert process.answer("/resume", "POST")["trading_state"] == "active"
        code, _ = process.end()
        assert code == 0, process.log


@pytest.mark.parametrize("kind", [Closed, Full, BrokenPipe], ids=lambda kind: kind.__name__)
def test_a_refused_start_keeps_its_exit_code(tmp_path: Path, kind: type[Process]) -> None:
    with kind(tmp_path / "state", TRADING_HOST="0.0.0.0") as process:
        assert process.ended() == 2


if sys.platform == "linux":

    def test_no_file_of_ours_becomes_a_standard_descriptor(tmp_path: Path) -> None:
        with AllClosed(tmp_path / "state", own_settings(tmp_path / "settings")) as process:
            process.wait_alive()
            descriptors = Path(f"/proc/{process.child.pid}/fd")
            assert {os.readlink(descriptors / str(number)) for number in range(3)} == {os.devnull}
