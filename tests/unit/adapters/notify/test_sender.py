"""The sender, against a real receiver on this machine: what it takes is delivered, what it does not waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from adapters.clock import ManualClock
from adapters.notify.queue import NotificationQueue
from adapters.notify.receivers import open_receivers
from adapters.notify.sender import NotificationSender
from config.notify import NotifySettings, QuietHours
from core.errors import SettingsError
from core.notifications import Notification, NotificationLevel
from tests.servers.local_http import Answer, Asked, local_server

AT = datetime(2025, 6, 30, 14, 30, tzinfo=UTC)
INFO, WARNING, CRITICAL = NotificationLevel


class Webhook:
    """Takes messages while it is up."""

    def __init__(self) -> None:
        self.status = 200
        self.messages: list[Any] = []
        self.heard = threading.Event()

    def answer(self, asked: Asked) -> Answer:
        if self.status == 200:
            self.messages.append(asked.json)
        self.heard.set()
        return Answer(status=self.status)

    @property
    def text(self) -> str:
        return "\n".join(message["message"] for message in self.messages)


def told(key: str, level: NotificationLevel = INFO, at: datetime = AT) -> Notification:
    return Notification(key=key, at=at, level=level, subject=key, text=f"<{key}>")


class Setup:
    def __init__(self, ports: list[int], **settings: Any) -> None:
        self.clock = ManualClock(AT)
        self.queue = NotificationQueue(None, messages_max=100)
        urls = [f"json://127.0.0.1:{port}/?method=post" for port in ports]
        self.receivers = open_receivers(urls)
        self.sender = NotificationSender(
            self.queue, self.receivers, NotifySettings(collect_seconds=0.0, **settings), self.clock
        )
        self.queue.register([receiver.target for receiver in self.receivers])


@contextmanager
def webhooks(count: int) -> Iterator[tuple[list[Webhook], list[int]]]:
    hooks = [Webhook() for _ in range(count)]
    if count == 1:
        with local_server(hooks[0].answer) as port:
            yield hooks, [port]
        return
    with local_server(hooks[0].answer) as first, local_server(hooks[1].answer) as second:
        yield hooks, [first, second]


def test_what_waits_is_delivered_once_in_one_message_with_its_level() -> None:
    with webhooks(1) as (hooks, ports):
        setup = Setup(ports)
        setup.queue.put([told("a"), told("b", CRITICAL)])
        setup.sender.send_waiting()
        setup.sender.send_waiting()
        assert len(hooks[0].messages) == 1
        message = hooks[0].messages[0]
        assert message["title"] == "trading-engine: b and 1 more"
        assert message["type"] == "failure"
        assert "<a>" in message["message"]
        assert setup.sender.faults() == []


def test_a_receiver_that_fails_keeps_no_other_waiting_and_gets_all_of_it_later() -> None:
    with webhooks(2) as (hooks, ports):
        setup = Setup(ports, retry_seconds_max=1.0)
        hooks[0].status = 500
        setup.queue.put([told("a")])
        setup.sender.send_waiting()
        setup.queue.put([told("b")])
        setup.sender.send_waiting()  # the first is not asked again yet
        assert hooks[0].messages == []
        assert [m["message"].count("<") for m in hooks[1].messages] == [1, 1]
        (fault,) = setup.sender.faults()
        assert "json #0" in fault
        assert "2 wait" in fault
        assert str(ports[0]) not in fault  # an address is a secret
        hooks[0].status = 200
        setup.sender._states[setup.receivers[0].target].try_at_seconds = 0.0  # its time has come
        setup.sender.send_waiting()
        assert all(f"<{key}>" in hooks[0].text for key in "ab")
        assert setup.sender.faults() == []


def test_quiet_hours_let_only_critical_ones_through_and_the_rest_follows() -> None:
    with webhooks(1) as (hooks, ports):
        setup = Setup(ports, quiet_hours=QuietHours(start=time(10), end=time(11)))
        setup.queue.put([told("later", WARNING), told("now", CRITICAL)])
        setup.sender.send_waiting()
        assert "<now>" in hooks[0].text
        assert "<later>" not in hooks[0].text
        setup.clock.set(AT + timedelta(hours=1))
        setup.sender.send_waiting()
        assert hooks[0].text.count("<now>") == hooks[0].text.count("<later>") == 1


def test_the_thread_sends_what_comes_and_ends_while_a_receiver_is_silent() -> None:
    with webhooks(1) as (hooks, ports):
        setup = Setup(ports)
        setup.sender.start()
        setup.queue.put([told("a")])
        setup.sender.wake()
        assert hooks[0].heard.wait(10)
        setup.sender.stop()
        assert "<a>" in hooks[0].text
        assert not any(thread.name == "notify" for thread in threading.enumerate())


def test_an_address_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(SettingsError, match=r"notify.urls\[1\]") as refused:
        open_receivers(["json://127.0.0.1:1/", "nonsense-with-a-token"])
    assert "token" not in str(refused.value)
    assert open_receivers([]) == ()
    assert len(open_receivers(["json://127.0.0.1:1/"] * 2)) == 1
