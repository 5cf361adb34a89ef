from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.systemd import STUCK_SECONDS, SystemdNotifier

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.setblocking(False)
        yield line


def heard(line: socket.socket) -> list[str]:
    out = []
    while True:
        try:
            out.append(line.recv(100).decode())
        except BlockingIOError:
            return out


def lived(notifier: SystemdNotifier, busy_seconds: float) -> None:
    async def some_time() -> None:
        living = asyncio.create_task(notifier.keep_alive(lambda: busy_seconds))
        await asyncio.sleep(0.1)
        living.cancel()

    asyncio.run(some_time())


def test_it_says_that_it_is_ready_and_then_that_it_lives(systemd: socket.socket) -> None:
    lived(SystemdNotifier(systemd.getsockname(), 0.02), busy_seconds=1.0)
    said = heard(systemd)
    assert said[0] == "READY=1"
    assert set(said[1:]) == {"WATCHDOG=1"}
    assert len(said) > 2


def test_a_stuck_engine_falls_silent(systemd: socket.socket) -> None:
    lived(SystemdNotifier(systemd.getsockname(), 0.02), busy_seconds=STUCK_SECONDS)
    assert heard(systemd) == ["READY=1"]


def test_what_is_meant_for_another_process_asks_for_no_pings(systemd: socket.socket) -> None:
    address = systemd.getsockname()
    variables = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": str(os.getpid() + 1)}
    lived(SystemdNotifier.of(variables), busy_seconds=0.0)
    assert heard(systemd) == ["READY=1"]


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")
def test_an_abstract_name_is_understood() -> None:
    name = f"trading-engine-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(f"\0{name}")
        line.setblocking(False)
        SystemdNotifier.of({"NOTIFY_SOCKET": f"@{name}"}).send("STOPPING=1")
        assert heard(line) == ["STOPPING=1"]


@pytest.mark.parametrize("address", ["", "/nowhere/at/all"])
def test_nobody_who_listens_costs_nothing(address: str) -> None:
    SystemdNotifier(address, 0.0).send("READY=1")
