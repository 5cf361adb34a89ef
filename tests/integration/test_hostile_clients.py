"""With a token set, what a hostile client sends is refused early and closed, and everybody else is answered."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from config.environment import read_environment
from core.errors import SettingsError
from tests.servers.daemon import SMALL_MODELS, Process, own_settings

TOKEN = "twelve monkeys + 4 / 5 = ü"
LIMITS = {"header_seconds_max": 5.0, "body_seconds_max": 1.0, "unfinished_connections_max": 8}


@pytest.fixture(scope="module")
def daemon(trained_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    settings = own_settings(tmp_path_factory.mktemp("settings"))
    (settings / "trading.json").write_text(json.dumps(SMALL_MODELS | {"server": LIMITS}))
    state = shutil.copytree(trained_state, tmp_path_factory.mktemp("daemon") / "state")
    with Process(state, settings, TRADING_API_TOKEN=TOKEN) as process:
        process.http.headers.update([(b"Authorization", f"Bearer {TOKEN}".encode())])
        process.wait_idle()
        yield process


def raw(daemon: Process, head: str, body: bytes = b"") -> bytes:
    """Send bytes on a connection of their own; give all that is answered until it is closed."""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as client:
        with suppress(ConnectionError):
            client.sendall(head.encode().replace(b"\n", b"\r\n") + body)
        answer = b""
        with suppress(ConnectionError):
            while part := client.recv(65536):
                answer += part
    return answer


def head(daemon: Process, *lines: str, method: str = "POST", path: str = "/decide/v3") -> str:
    return "\n".join([f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{daemon.port}", *lines, "", ""])


def stream(daemon: Process) -> ClientConnection:
    offered = base64.urlsafe_b64encode(TOKEN.encode()).decode().rstrip("=")
    return connect(
        f"ws://127.0.0.1:{daemon.port}/ws/stream",
        subprotocols=[Subprotocol("trading-engine"), Subprotocol(f"bearer.{offered}")],
    )


CHUNKED = ("Content-Type: application/json", "Transfer-Encoding: chunked")


def test_a_strangers_body_in_parts_is_refused_at_its_headers(daemon: Process) -> None:
    answer = raw(daemon, head(daemon, *CHUNKED), b"1\r\nx\r\n" * 80_000)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in answer


def test_a_body_in_too_many_parts_is_refused_with_the_token_too(daemon: Process) -> None:
    lines = head(daemon, *CHUNKED, f"Authorization: Bearer {TOKEN}")
    assert raw(daemon, lines, b"1\r\n \r\n" * 80_000).startswith(b"HTTP/1.1 413 ")
    few = raw(daemon, head(daemon, *CHUNKED, "Connection: close", f"Authorization: Bearer {TOKEN}"),
              b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")  # fmt: skip
    assert few.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([f"X-{number}: y" for number in range(20_000)], b"431"),
        (["X: " + "y" * 40_000], b"431"),
        (["X: y\0"], b"400"),
    ],
    ids=["many headers", "a long header", "no header"],
)
def test_headers_beyond_their_bounds_are_refused(daemon: Process, lines: list[str], status: bytes) -> None:
    assert raw(daemon, head(daemon, *lines)).startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    "sent", ["", "GET /health HTTP/1.1\nHost: 127", "\n\n"], ids=["nothing", "half", "lines"]
)
def test_a_connection_without_whole_headers_is_closed_in_time(daemon: Process, sent: str) -> None:
    assert raw(daemon, sent).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_does_not_come_is_not_waited_for(daemon: Process) -> None:
    lines = head(
        daemon, "Content-Type: application/json", "Content-Length: 100", f"Authorization: Bearer {TOKEN}"
    )
    assert raw(daemon, lines, b"{").startswith(b"HTTP/1.1 408 ")


def test_an_idle_connection_is_closed(daemon: Process) -> None:
    assert raw(daemon, head(daemon, method="GET", path="/health")).startswith(b"HTTP/1.1 200 ")


def test_of_many_unfinished_connections_the_oldest_are_closed_and_others_answered(daemon: Process) -> None:
    """One a moment: in the end the oldest is closed though it was not late yet."""
    clients = []
    for _ in range(20):
        client = socket.create_connection(("127.0.0.1", daemon.port), timeout=30)
        client.sendall(b"GET /health HTTP/1.1\r\n")
        clients.append(client)
        time.sleep(0.1)
    assert daemon.answer("/health")["status"] == "ok"
    with suppress(ConnectionError):
        assert clients[0].recv(100) == b"", "it was told that it is late"
    for client in clients:
        client.close()


@pytest.mark.parametrize("opcode", [0x00, 0x89, 0x81], ids=["fragments", "pings", "messages"])
def test_a_flood_of_frames_is_closed_with_a_reason(daemon: Process, opcode: int) -> None:
    with stream(daemon) as client:
        raw_socket = client.socket
        frame = bytes([opcode, 0x81, 0, 0, 0, 0, ord("1")])
        first = bytes([0x01]) + frame[1:] if opcode == 0 else b""
        with suppress(ConnectionError):
            raw_socket.sendall(first + frame * 5_000)
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                client.recv(timeout=30)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert "frames" in closed.value.rcvd.reason


def test_the_longest_legal_message_is_answered_and_a_longer_one_closed_with_a_reason(daemon: Process) -> None:
    with stream(daemon) as client:
        client.send(" " * 65_536)
        assert json.loads(client.recv(timeout=30))["type"] == "error"
        client.send(" " * 65_537)
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=30)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_wrong_tokens_are_limited_and_logged_and_the_right_one_is_always_taken(daemon: Process) -> None:
    statuses = [
        daemon.http.get("/status", headers={"Authorization": f"Bearer guess {number}"}).status_code
        for number in range(15)
    ]
    assert statuses == [401] * 10 + [429] * 5
    assert daemon.http.get("/status", headers={"Authorization": "Bearer x"}).headers["retry-after"]
    assert daemon.answer("/halt", "POST")["trading_state"] == "halted"
    assert daemon.answer("/resume", "POST")["trading_state"] == "active"
    assert len(daemon.events("token.wrong")) == 10
    assert len(daemon.events("token.too_many_wrong")) == 1
    assert "guess" not in daemon.log


def test_halting_never_queues_and_who_hangs_up_frees_the_place(daemon: Process) -> None:
    """200 callers: the queue takes 32, the others are told when to come back; halting is not behind any."""
    statuses: list[bytes] = []

    def ask() -> None:
        lines = head(daemon, "Connection: close", f"Authorization: Bearer {TOKEN}")
        statuses.append(raw(daemon, lines)[9:12])

    callers = [threading.Thread(target=ask) for _ in range(200)]
    for caller in callers:
        caller.start()
    assert daemon.answer("/halt", "POST")["trading_state"] == "halted"
    waited = len(statuses) < 200
    for caller in callers:
        caller.join()
    assert waited, "the halt was answered after all others"
    assert set(statuses) == {b"200", b"429"}
    assert statuses.count(b"200") >= 32

    gone = []
    for _ in range(200):
        client = socket.create_connection(("127.0.0.1", daemon.port), timeout=30)
        client.sendall(head(daemon, f"Authorization: Bearer {TOKEN}").replace("\n", "\r\n").encode())
        gone.append(client)
    for client in gone:
        client.close()
    daemon.wait(lambda: daemon.http.post("/decide/v3").status_code == 200)
    assert daemon.answer("/health")["trading_state"] == "halted"
    assert daemon.answer("/resume", "POST")["trading_state"] == "active"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_what_it_writes_is_its_users_alone(daemon: Process, tmp_path: Path) -> None:
    state = Path(daemon.state)
    found = [state, *state.rglob("*")]
    assert len(found) > 5
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in found} == {0}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_secrets_are_in_no_childs_environment(daemon: Process) -> None:
    own = Path(f"/proc/{daemon.child.pid}/cmdline").read_bytes()
    job = daemon.answer("/quant/retrain?wait=false", "POST")["job_id"]
    found: list[bytes] = []
    while daemon.answer(f"/jobs/{job}")["status"] == "running":
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
                begun = (process / "cmdline").read_bytes() != own  # before that it is the fork that will start it
                if parent == str(daemon.child.pid) and begun:
                    found.append((process / "environ").read_bytes())
        time.sleep(0.1)
    assert any(b"STATE_DIR" in environment for environment in found)
    assert not any(b"TRADING_API_TOKEN" in environment for environment in found)


@pytest.mark.parametrize("blank", ["", " ", "\t"])
def test_blank_placeholders_are_not_set(blank: str) -> None:
    found = read_environment({"ALPACA_API_KEY": blank, "ALPACA_SECRET_KEY": blank, "TRADING_API_TOKEN": blank})
    assert (found.alpaca_key, found.alpaca_secret, found.token) == (None, None, None)
    with pytest.raises(SettingsError, match="TRADING_API_TOKEN is not set"):
        read_environment({"TRADING_HOST": "192.0.2.1", "TRADING_API_TOKEN": blank})


def test_a_short_token_off_loopback_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="shorter than 16"):
        read_environment({"TRADING_HOST": "192.0.2.1", "TRADING_API_TOKEN": "x" * 15})
    assert read_environment({"TRADING_HOST": "192.0.2.1", "TRADING_API_TOKEN": "x" * 16}).token is not None
    assert read_environment({"TRADING_API_TOKEN": "short"}).token is not None
