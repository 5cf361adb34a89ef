"""A notifier of one's own: what it raises or withholds is told, and one that hangs holds up nobody."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

import pytest

from adapters.notify import choose
from adapters.notify.choose import BoundedSend, choose_receivers
from adapters.notify.digest import Message
from config.environment import FOLDER
from config.notify import NotifySettings
from core.errors import PluginError
from core.notifications import NotificationLevel
from tests.servers.local_http import Answer, Asked, Upgrade, local_server

MESSAGE = Message(title="t", body="b", level=NotificationLevel.INFO, sequences=(1,))


@pytest.mark.parametrize(("answer", "taken"), [(None, True), (True, True), (0, True), (False, False)])
def test_only_false_says_that_a_message_was_not_taken(answer: Any, taken: bool) -> None:
    assert BoundedSend(lambda message: answer, 20.0).send(MESSAGE) is taken


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt()])
def test_what_raises_was_not_taken(error: BaseException) -> None:
    def send(message: Message) -> None:
        del message
        raise error

    with pytest.raises(PluginError, match=f"it raised {type(error).__name__}"):
        BoundedSend(send, 20.0).send(MESSAGE)


def test_a_receiver_that_drips_its_answer_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "SEND_SECONDS_MAX", 1.0)
    done, heard = threading.Event(), threading.Event()

    def drip(asked: Asked, connection: socket.socket) -> None:
        del asked
        with suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not done.wait(0.01):
                connection.sendall(b".")

    def answer(asked: Asked) -> Answer:
        heard.set()
        return Answer()

    with local_server(lambda _: Upgrade(drip)) as slow, local_server(answer) as other:
        urls = [f"json://127.0.0.1:{port}/" for port in (slow, other)]
        first, second = choose_receivers(NotifySettings(), urls, FOLDER).receivers
        with pytest.raises(PluginError, match="did not return within 1 s"):
            first.send(MESSAGE)
        assert second.send(MESSAGE)
        done.set()
    assert heard.is_set()


def test_one_that_hangs_is_left_alone_until_it_returns() -> None:
    gate, seen = threading.Event(), []

    def send(message: Message) -> None:
        seen.append(message)
        gate.wait()

    bounded = BoundedSend(send, seconds_max=0.05)
    with pytest.raises(PluginError, match="did not return within"):
        bounded.send(MESSAGE)
    with pytest.raises(PluginError, match="still not returned"):
        bounded.send(MESSAGE)
    assert len(seen) == 1
    gate.set()
    while bounded._thread is not None and bounded._thread.is_alive():
        bounded._thread.join()
    assert bounded.send(MESSAGE)
