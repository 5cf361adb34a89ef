"""`trading-engine watch` and systemd's pings, at a daemon of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.servers.daemon import ROOT, Process, own_settings

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")


END = b"no more"


def watch(port: int) -> tuple[int, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "cli", "watch", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "TRADING_PORT": str(port)},
    )  # fmt: skip
    return ended.returncode, json.loads(ended.stdout) if ended.stdout else ended.stderr


def test_a_watcher_sees_a_daemon_live_halt_and_end(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    settings, address = own_settings(tmp_path / "config"), str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        said: list[bytes] = []
        reading = threading.Thread(target=lambda: said.extend(iter(lambda: systemd.recv(100), END)), daemon=True)
        reading.start()
        with Process(tmp_path / "state", settings, NOTIFY_SOCKET=address, WATCHDOG_USEC="200000") as daemon:
            daemon.wait_ready()
            assert watch(daemon.port) == (0, {"well": True, "reasons": []})
            daemon.answer("/halt", "POST", json={"reason": "a test"})
            code, told = watch(daemon.port)
            assert (code, told["well"]) == (1, False)
            assert "Trading is halted: a test" in told["reasons"][0]
            assert daemon.end()[0] == 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(END, address)
        reading.join(10)
    assert (said[0], said[-1]) == (b"READY=1", b"STOPPING=1")
    assert set(said[1:-1]) == {b"WATCHDOG=1"}
    assert len(said) > 5
    code, told = watch(daemon.port)
    assert code == 3
    assert "No daemon answers" in told
