"""The WebSocket: topics, replay, bad messages, slow clients; over a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from adapters.events.hub import EventHub
from api.stream.endpoint import serve
from tests.api.conftest import Daemon

AT = datetime(2025, 6, 30, 19, 45, tzinfo=UTC)
SECONDS_MAX = 10


@pytest.fixture
def socket(daemon: Daemon) -> Iterator[ClientConnection]:
    with connect(f"ws://127.0.0.1:{daemon.port}/ws/stream") as socket:
        ask(socket, {"action": "ping"}, "pong")
        yield socket


def receive(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(socket.recv(timeout=SECONDS_MAX))
    return message


def ask(socket: ClientConnection, message: object, answer: str) -> dict[str, Any]:
    """Send a message; pass over events until the answer of this type comes."""
    socket.send(message if isinstance(message, str) else json.dumps(message))
    while (received := receive(socket))["type"] != answer:
        assert "data" in received, received
    return received


def publish(daemon: Daemon, topic: str, **data: object) -> int:
    hub: EventHub = daemon.app.state.hub
    return hub.publish(topic, AT, data).sequence


def test_without_a_subscription_all_topics_come(daemon: Daemon, socket: ClientConnection) -> None:
    first = publish(daemon, "sector.hot", sector="Energy")
    second = publish(daemon, "risk.alert", message="a drill")
    assert receive(socket) == {
        "type": "sector.hot", "seq": first, "at": "2025-06-30T19:45:00Z", "data": {"sector": "Energy"},
    }  # fmt: skip
    assert receive(socket)["seq"] == second == first + 1


def test_a_decision_is_told(daemon: Daemon, client: httpx.Client, socket: ClientConnection) -> None:
    ask(socket, {"action": "subscribe", "topics": ["decision.*"]}, "subscribed")
    made = client.post("/decide/v3").json()
    told = receive(socket)
    assert told["type"] == "decision.made"
    assert told["data"]["decision_id"] == made["decision_id"]


def test_only_what_matches_comes(daemon: Daemon, socket: ClientConnection) -> None:
    ask(socket, {"action": "subscribe", "topics": ["signal.*"]}, "subscribed")
    publish(daemon, "sector.hot")
    publish(daemon, "signal.buy", ticker="NVDA")
    publish(daemon, "order.filled")
    publish(daemon, "signal.sell", ticker="KO")
    assert [receive(socket)["type"] for _ in range(2)] == ["signal.buy", "signal.sell"]


def test_topics_add_up_and_go_away(daemon: Daemon, socket: ClientConnection) -> None:
    ask(socket, {"action": "subscribe", "topics": ["signal.buy"]}, "subscribed")
    ask(socket, {"action": "subscribe", "topics": ["order.*", "risk.alert"]}, "subscribed")
    ask(socket, {"action": "unsubscribe", "topics": ["order.*"]}, "unsubscribed")
    for topic in ("order.filled", "risk.alert", "regime.update", "signal.buy"):
        publish(daemon, topic)
    assert [receive(socket)["type"] for _ in range(2)] == ["risk.alert", "signal.buy"]


def test_since_replays_what_was_missed(daemon: Daemon, socket: ClientConnection) -> None:
    ask(socket, {"action": "subscribe", "topics": ["model.updated"]}, "subscribed")
    before = daemon.app.state.hub.sequence
    missed = [publish(daemon, "risk.alert", number=number) for number in range(3)]
    ask(socket, {"action": "subscribe", "topics": ["risk.alert"], "since": before}, "subscribed")
    later = publish(daemon, "risk.alert", number=3)
    assert [receive(socket)["seq"] for _ in range(4)] == [*missed, later]


@pytest.mark.parametrize("since", ["{}", "{}.0"])
def test_since_is_taken_however_json_writes_it(daemon: Daemon, socket: ClientConnection, since: str) -> None:
    before = daemon.app.state.hub.sequence
    missed = publish(daemon, "model.updated", model="drill")
    message = f'{{"action":"subscribe","topics":["model.updated"],"since":{since.format(before)}}}'
    ask(socket, message, "subscribed")
    assert receive(socket)["seq"] == missed


@pytest.mark.parametrize(
    "message",
    [
        "", "{", "null", "[]", "1", "[" * 5_000, '{"action":"dance"}', '{"topics":["signal.*"]}',
        '{"action":"subscribe"}', '{"action":"subscribe","topics":[]}',
        '{"action":"subscribe","topics":"signal.*"}', '{"action":"subscribe","topics":[1]}',
        '{"action":"subscribe","topics":["nothing.like.it"]}',
        '{"action":"subscribe","topics":["*"],"since":-1}', '{"action":"subscribe","topics":["*"],"since":NaN}',
        '{"action":"subscribe","topics":["*"],"since":1.5}', '{"action":"subscribe","topics":["*"],"since":true}',
        '{"action":"subscribe","topics":["*"],"more":1}', '{"action":"subscribe","topics":["' + "x" * 65 + '"]}',
        " " * 65_536,
    ],
)  # fmt: skip
def test_a_bad_message_gets_an_error_and_no_hang_up(socket: ClientConnection, message: str) -> None:
    error = ask(socket, message, "error")
    assert error["detail"]
    assert error["hint"]
    ask(socket, {"action": "ping"}, "pong")


def test_binary_messages_are_read_too(socket: ClientConnection) -> None:
    socket.send(b'{"action":"ping"}')
    assert receive(socket)["type"] == "pong"
    socket.send(b"\xff\xfe")
    assert receive(socket)["type"] == "error"
    assert ask(socket, {"action": "ping"}, "pong")


def test_the_counters_count(daemon: Daemon, client: httpx.Client, socket: ClientConnection) -> None:
    before = client.get("/ws/status").json()
    assert before["connections"] >= 1
    ask(socket, {"action": "subscribe", "topics": ["risk.*"]}, "subscribed")
    publish(daemon, "risk.alert")
    receive(socket)
    after = client.get("/ws/status").json()
    assert after["sent"] > before["sent"]
    assert after["sequence"] > before["sequence"]
    assert after["topics"]["risk.alert"] >= 1


class Slow:
    """A client's end of an ASGI WebSocket that takes nothing until told to."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.takes = asyncio.Event()
        self.leaves = asyncio.Event()
        self.asked = iter(["websocket.connect"])

    async def receive(self) -> dict[str, Any]:
        for kind in self.asked:
            return {"type": kind}
        await self.leaves.wait()
        return {"type": "websocket.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await self.takes.wait()
            self.taken.append(json.loads(message["text"]))


def test_a_slow_client_loses_its_oldest_and_is_told_how_many() -> None:
    queue, events = 10, 100

    async def run() -> list[dict[str, Any]]:
        hub, slow = EventHub(queue_events_max=queue), Slow()
        serving = asyncio.create_task(serve(hub, slow.receive, slow.send))
        await asyncio.sleep(0.01)
        for number in range(events):
            hub.publish("risk.alert", AT, {"number": number})
            await asyncio.sleep(0)
        slow.takes.set()
        while len(slow.taken) < queue + 2:
            await asyncio.sleep(0)
        slow.leaves.set()
        await serving
        return slow.taken

    taken = asyncio.run(asyncio.wait_for(run(), SECONDS_MAX))
    numbers = [message["data"]["number"] for message in taken if message["type"] == "risk.alert"]
    dropped = [message["count"] for message in taken if message["type"] == "dropped"]
    assert numbers[0] == 0, "the event that was being sent"
    assert numbers[-queue:] == list(range(events - queue, events)), "then the newest"
    assert sum(dropped) == events - len(numbers)
    assert dropped, "told how many were lost"
