"""A log that is lost changes no answer, no step, no halt and no exit code, whatever became of its reader."""

from __future__ import annotations

import os
import shutil
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

    redirection = "2> >(exec tail --pid=$$ -f /dev/null)"


LOST = [Closed, AllClosed, Full, BrokenPipe, ReaderAsleep]


@pytest.mark.parametrize("kind", LOST, ids=lambda kind: kind.__name__)
def test_answers_steps_halts_and_the_exit_code_stay(
    tmp_path: Path, trained_state: Path, kind: type[Process]
) -> None:
    with kind(shutil.copytree(trained_state, tmp_path / "state"), own_settings(tmp_path)) as process:
        process.wait_ready()
        for number in range(150 if kind is ReaderAsleep else 2):  # a pipe holds 64 KiB, a line some 500 bytes
            assert process.answer("/risk/check", "POST")["decision_id"], number
        decided = process.answer("/decide/v3", "POST", json={"execute": True})
        assert decided["data"]["source"] == "simulated"
        recorded = process.answer("/decisions")["decisions"]
        assert decided["decision_id"] in [one["decision_id"] for one in recorded]
        assert process.answer("/halt", "POST")["trading_state"] == "halted"
        assert process.answer("/resume", "POST")["trading_state"] == "active"
        code, _ = process.end()
        assert code == 0, process.log


@pytest.mark.parametrize("kind", [Closed, Full, BrokenPipe], ids=lambda kind: kind.__name__)
def test_a_refused_start_keeps_its_exit_code(tmp_path: Path, kind: type[Process]) -> None:
    with kind(tmp_path / "state", TRADING_HOST="192.0.2.1") as process:
        assert process.ended() == 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_file_of_ours_becomes_a_standard_descriptor(tmp_path: Path) -> None:
    with AllClosed(tmp_path / "state", own_settings(tmp_path)) as process:
        process.wait_alive()
        descriptors = Path(f"/proc/{process.child.pid}/fd")
        assert {str((descriptors / str(number)).readlink()) for number in range(3)} == {os.devnull}
