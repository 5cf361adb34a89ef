"""The heartbeat, against a real receiver: one ping for each good cycle it hears of, none without."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from adapters.clock import ManualClock
from adapters.notify.heartbeat import Heartbeat
from tests.servers.local_http import Answer, Asked, local_server

AT = datetime(2025, 6, 30, 14, 30, tzinfo=UTC)


class Switch:
    def __init__(self, statuses: list[int]) -> None:
        self.statuses = statuses
        self.heard = threading.Semaphore(0)
        self.count = 0

    def answer(self, asked: Asked) -> Answer:
        assert (asked.method, asked.path) == ("GET", "/ping/secret")
        self.count += 1
        status = self.statuses.pop(0) if self.statuses else 200
        self.heard.release()
        return Answer(status=status)


@contextmanager
def beating(switch: Switch, attempts_max: int = 1) -> Iterator[Heartbeat]:
    with local_server(switch.answer) as port:
        heart = Heartbeat(f"http://127.0.0.1:{port}/ping/secret", 5.0, attempts_max, ManualClock(AT))
        heart.start()
        yield heart
        heart.stop()


def soon(found: Callable[[], bool]) -> bool:
    waiting = threading.Event()
    return any(found() or waiting.wait(0.01) for _ in range(500))


def test_a_good_cycle_is_a_ping_and_silence_is_none() -> None:
    switch = Switch([])
    with beating(switch) as heart:
        assert not switch.heard.acquire(timeout=0.1)
        assert heart.card() == {"configured": True, "last_ping_at": None, "fault": ""}
        heart.beat()
        assert switch.heard.acquire(timeout=10)
        assert soon(lambda: heart.card()["last_ping_at"] == AT.isoformat())
    assert switch.count == 1


def test_a_failed_ping_is_named_without_its_address_until_one_goes_well() -> None:
    switch = Switch([404])
    with beating(switch) as heart:
        heart.beat()
        assert soon(lambda: bool(heart.fault))
        assert "404" in heart.fault
        assert "secret" not in heart.fault
        heart.beat()
        assert soon(lambda: not heart.fault)


def test_a_ping_that_is_lost_is_tried_again() -> None:
    switch = Switch([500])
    with beating(switch, attempts_max=2) as heart:
        heart.beat()
        assert switch.heard.acquire(timeout=10)
        assert switch.heard.acquire(timeout=10)
        assert soon(lambda: heart.card()["last_ping_at"] is not None)


def test_a_receiver_that_is_not_there_is_told_in_plain_words() -> None:
    with local_server(lambda _: Answer()) as port:
        gone = port
    heart = Heartbeat(f"http://127.0.0.1:{gone}/secret", 5.0, 1, ManualClock(AT))
    heart.start()
    heart.beat()
    assert soon(lambda: bool(heart.fault))
    assert heart.fault == "the heartbeat's receiver cannot be reached: the connection is refused"
    heart.stop()


def test_an_answer_that_never_ends_keeps_no_ping_waiting() -> None:
    pings = threading.Semaphore(0)
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            pings.release()
            while not done.wait(0.02):
                connection.sendall(b".")

    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        heart = Heartbeat(f"http://127.0.0.1:{server.getsockname()[1]}/", 5.0, 1, ManualClock(AT))
        heart.start()
        for _ in range(2):
            heart.beat()
            assert pings.acquire(timeout=10)
            assert soon(lambda: heart.card()["last_ping_at"] is not None)
        heart.stop()
        done.set()
        server.shutdown(socket.SHUT_RDWR)
