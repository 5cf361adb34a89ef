"""The daemon as the gateway's child: it proves itself, and leaves when the other end of its stdin is gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.identity import proof
from tests.servers.daemon import Process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the pipe's end is a POSIX law")
CHALLENGE = "ab" * 16
TOKEN = "a-token-of-the-test"
STOP_SECONDS_MAX = 5.0


class Supervised(Process):
    """Holds the other end of the daemon's stdin."""

    stdin = subprocess.PIPE


class Detached(Process):
    """Gives the daemon a stdin that ends at once."""

    stdin = subprocess.DEVNULL


def test_it_leaves_in_order_when_its_parent_is_gone(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state", TRADING_LEAVE_WITH_STDIN="true", TRADING_API_TOKEN=TOKEN) as process:
        process.wait_alive()
        health = process.answer("/health", params={"challenge": CHALLENGE})
        assert health["identity"] == proof(SecretStr(TOKEN), process.port, CHALLENGE)
        assert process.child.stdin is not None
        process.child.stdin.close()
        assert process.child.wait(STOP_SECONDS_MAX) == 0, process.log
    assert process.events("server.parent_gone")
    assert process.events("server.stopped")
    assert "Traceback" not in process.log


def test_without_being_told_to_it_outlives_its_stdin(tmp_path: Path) -> None:
    with Detached(tmp_path / "state") as process:
        process.wait_ready()
        assert process.status_code("/health") == 200
        assert process.end()[0] == 0
    assert not process.events("server.parent_gone")
