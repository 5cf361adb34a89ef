"""A notifier of one's own: what it raises or withholds is told, and one that hangs holds up nobody."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from adapters.notify.choose import BoundedSend
from adapters.notify.digest import Message
from core.errors import PluginError
from core.notifications import NotificationLevel

MESSAGE = Message(title="t", body="b", level=NotificationLevel.INFO, sequences=(1,))


@pytest.mark.parametrize(("answer", "taken"), [(None, True), (True, True), (0, True), (False, False)])
def test_only_false_says_that_a_message_was_not_taken(answer: Any, taken: bool) -> None:
    assert BoundedSend(lambda message: answer).send(MESSAGE) is taken


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt()])
def test_what_raises_was_not_taken(error: BaseException) -> None:
    def send(message: Message) -> None:
        del message
        raise error

    with pytest.raises(PluginError, match=f"it raised {type(error).__name__}"):
        BoundedSend(send).send(MESSAGE)


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
