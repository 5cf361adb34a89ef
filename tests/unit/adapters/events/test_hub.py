from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.events.hub import EventHub
from adapters.events.subscriber import StreamEvent, Subscriber
from core.errors import RequestError
from core.events import TOPICS
from core.ports import EventSink

AT = datetime(2024, 3, 4, 15, 0, tzinfo=UTC)


def on_a_loop(case: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        async def limited() -> None:
            await asyncio.wait_for(case(), 20)

        asyncio.run(limited())

    run.__name__ = case.__name__
    return run


async def take(client: Subscriber, count: int) -> list[StreamEvent]:
    return [await anext(client) for _ in range(count)]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def publish(hub: EventHub, *topics: str) -> None:
    for topic in topics:
        hub.publish(topic, AT, {"symbol": "AAPL"})


def test_an_event_is_encoded_as_contracted() -> None:
    sink: EventSink = EventHub()
    event = sink.publish("signal.buy", AT, {"symbol": "AAPL", "score": 0.5, "cash": Decimal("1.10")})
    assert isinstance(event, StreamEvent)
    assert (event.sequence, event.topic) == (1, "signal.buy")
    assert event.encoded == (
        b'{"type":"signal.buy","seq":1,"at":"2024-03-04T15:00:00Z",'
        b'"data":{"symbol":"AAPL","score":0.5,"cash":"1.10"}}'
    )


def loop_in_itself() -> dict[str, Any]:
    data: dict[str, Any] = {}
    data["self"] = data
    return data


@pytest.mark.parametrize("data", [{"x": object()}, {"x": "\ud800"}, loop_in_itself()])
def test_what_is_not_json_never_raises(data: dict[str, Any]) -> None:
    event = EventHub().publish("risk.alert", AT, data)
    assert "unreadable" in msgspec.json.decode(event.encoded)["data"]


def test_numpy_scalars_are_numbers() -> None:
    event = EventHub().publish("regime.update", AT, {"p": np.float64(0.25), "n": np.int64(3)})
    assert msgspec.json.decode(event.encoded)["data"] == {"p": 0.25, "n": 3}


@on_a_loop
async def test_no_subscription_hears_everything_in_order() -> None:
    hub = EventHub()
    client = hub.subscribe()
    publish(hub, "signal.buy", "order.filled", "signal.sell")
    heard = []
    async for event in client:
        heard.append(event.topic)
        if len(heard) == 3:
            break
    assert heard == ["signal.buy", "order.filled", "signal.sell"]


@on_a_loop
async def test_wildcards_and_changes_of_mind() -> None:
    hub = EventHub()
    client = hub.subscribe(["signal.*"])
    publish(hub, "order.filled", "signal.buy", "signal.sell")
    assert [e.topic for e in await take(client, 2)] == ["signal.buy", "signal.sell"]
    publish(hub, "order.filled")  # published before it was asked for: not heard
    hub.add_topics(client, ["order.filled"])
    publish(hub, "order.filled", "signal.buy")
    assert [e.sequence for e in await take(client, 2)] == [5, 6]
    client.remove(["signal.*"])
    publish(hub, "signal.buy", "order.filled")
    assert [e.sequence for e in await take(client, 1)] == [8]
    client.remove(["order.filled"])
    publish(hub, "order.filled")
    await settle()
    hub.unsubscribe(client)
    assert [e async for e in client] == []


@on_a_loop
async def test_since_replays_without_gap_or_repeat() -> None:
    hub = EventHub()
    publish(hub, *["signal.buy", "order.filled"] * 5)
    old = hub.subscribe(["order.filled"])
    publish(hub, "signal.buy", "order.filled")  # still on its way to the loop
    client = hub.subscribe(["signal.*"], since=4)
    publish(hub, "signal.buy")
    assert [e.sequence for e in await take(client, 5)] == [5, 7, 9, 11, 13]
    assert [e.sequence for e in await take(old, 1)] == [12]
    hub.add_topics(old, ["signal.*"], since=11)
    publish(hub, "signal.sell")
    assert [e.sequence for e in await take(old, 2)] == [13, 14]
    assert client.dropped == old.dropped == 0


@on_a_loop
async def test_a_number_of_an_earlier_process_gives_the_whole_log() -> None:
    hub = EventHub()
    publish(hub, "signal.buy", "signal.sell")
    client = hub.subscribe(since=5_000)
    assert [e.sequence for e in await take(client, 2)] == [1, 2]


@on_a_loop
async def test_what_the_log_no_longer_holds_counts_as_dropped() -> None:
    hub = EventHub(log_events_max=3)
    publish(hub, *["signal.buy"] * 10)
    client = hub.subscribe(since=4)
    assert [e.sequence for e in await take(client, 3)] == [8, 9, 10]
    assert client.dropped == 3


@on_a_loop
async def test_a_slow_client_loses_its_oldest_and_slows_nobody() -> None:
    hub = EventHub(queue_events_max=4)
    slow, quick = hub.subscribe(), hub.subscribe()
    heard = []
    for _ in range(10):
        publish(hub, "signal.buy")
        heard += await take(quick, 1)
    assert [e.sequence for e in heard] == list(range(1, 11))
    assert (slow.dropped, quick.dropped) == (6, 0)
    assert [e.sequence for e in await take(slow, 4)] == [7, 8, 9, 10]
    stats = hub.stats()
    assert (stats["connections"], stats["sent"], stats["dropped"], stats["sequence"]) == (2, 14, 6, 10)


@on_a_loop
async def test_one_wake_up_however_many_events_wait() -> None:
    hub, loop = EventHub(), asyncio.get_running_loop()
    clients = [hub.subscribe() for _ in range(3)]
    calls = []
    plain = loop.call_soon_threadsafe

    def counted(callback: Callable[..., Any], *rest: Any, **options: Any) -> asyncio.Handle:
        calls.append(callback)
        return plain(callback, *rest, **options)

    loop.call_soon_threadsafe = counted  # type: ignore[method-assign, assignment]  # counted and passed on
    publish(hub, *["signal.buy"] * 50)
    for client in clients:
        assert len(await take(client, 50)) == 50
    assert len(calls) == 1


@on_a_loop
async def test_every_event_of_another_thread_arrives_once_in_order() -> None:
    hub = EventHub(queue_events_max=5_000)
    first = hub.subscribe()
    engine = threading.Thread(target=publish, args=(hub, *["signal.buy", "order.filled"] * 1_000))
    engine.start()
    late: list[tuple[int, Subscriber]] = []
    for _ in range(20):
        since = hub.sequence
        late.append((since, hub.subscribe(["order.*"], since=since)))
        await asyncio.sleep(0.0005)
    engine.join()
    assert [e.sequence for e in await take(first, 2_000)] == list(range(1, 2_001))
    await settle()
    for since, client in late:
        hub.unsubscribe(client)
        assert [e.sequence async for e in client] == list(range(since + 2 - since % 2, 2_001, 2))
        assert client.dropped == 0


@on_a_loop
async def test_closing_ends_the_waiting_and_is_counted() -> None:
    hub = EventHub()
    client = hub.subscribe(["signal.buy"])
    publish(hub, "signal.buy")
    await take(client, 1)
    waiting = asyncio.ensure_future(anext(client))
    await settle()
    hub.unsubscribe(client)
    hub.unsubscribe(client)
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert hub.stats()["connections"] == 0
    assert hub.stats()["sent"] == 1


@on_a_loop
async def test_stats_count_who_listens_to_what() -> None:
    hub = EventHub()
    hub.subscribe(["signal.*"])
    hub.subscribe()
    topics = hub.stats()["topics"]
    assert (topics["signal.buy"], topics["order.filled"]) == (2, 1)


@on_a_loop
async def test_too_many_or_too_long_patterns_are_refused_and_change_nothing() -> None:
    hub = EventHub()
    client = hub.subscribe(["signal.buy"])
    for wrong in (["x" * 65], [f"topic.{n}" for n in range(70)]):
        with pytest.raises(RequestError):
            hub.add_topics(client, wrong)
        with pytest.raises(RequestError):
            hub.subscribe(wrong)
    assert hub.stats()["connections"] == 1
    assert client.has_topic("signal.buy")
    assert not client.has_topic("order.filled")


def test_publishing_after_the_clients_loop_is_gone_is_fine() -> None:
    hub = EventHub()

    async def come_and_go() -> None:
        hub.subscribe()

    asyncio.run(come_and_go())
    publish(hub, "signal.buy")
    assert hub.sequence == 1
    assert hub.stats()["connections"] == 0


class Connection:
    """A client's connection: takes messages until it is shut, then holds them up."""

    def __init__(self, client: Subscriber) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.received: list[int] = []
        self.reader = asyncio.ensure_future(self.read(client))

    async def read(self, client: Subscriber) -> None:
        async for event in client:
            await self.open.wait()
            self.received.append(event.sequence)


@on_a_loop
async def test_a_stuck_client_delays_nobody_and_loses_nothing_it_has_room_for() -> None:
    hub = EventHub(queue_events_max=100)
    connections = [Connection(hub.subscribe()) for _ in range(5)]
    publish(hub, "signal.buy")
    await settle()
    connections[2].open.clear()
    for _ in range(10):
        publish(hub, "order.filled", "signal.sell")
        await settle()
    assert [len(connection.received) for connection in connections] == [21, 21, 1, 21, 21]
    connections[2].open.set()
    await settle()
    publish(hub, "signal.buy")
    await settle()
    for connection in connections:
        assert connection.received == list(range(1, 23)), "each message once, in order"
        connection.reader.cancel()
    assert hub.stats()["sent"] == 5 * 22
    assert hub.stats()["dropped"] == 0


@on_a_loop
async def test_a_client_that_left_in_the_middle_of_a_send_is_no_harm() -> None:
    hub = EventHub()
    gone_client = hub.subscribe()
    gone, there = Connection(gone_client), Connection(hub.subscribe())
    gone.open.clear()
    publish(hub, "signal.buy", "signal.sell")
    await settle()
    hub.unsubscribe(gone_client)
    publish(hub, "signal.buy")
    await settle()
    assert gone.received == []
    assert there.received == [1, 2, 3]
    assert hub.stats()["connections"] == 1
    for connection in (gone, there):
        connection.reader.cancel()


ACTIONS = st.one_of(st.sampled_from(TOPICS), st.sampled_from(["read", "signal.*", "order.*"]))


@settings(deadline=None)
@given(queue=st.integers(1, 8), actions=st.lists(ACTIONS, max_size=60))
def test_what_a_client_read_and_what_it_lost_is_all_that_was_published_for_it(
    queue: int, actions: list[str]
) -> None:
    async def check() -> None:
        hub = EventHub(queue_events_max=queue)
        client = hub.subscribe()
        patterns: set[str] = set()
        expected: list[int] = []
        read: list[StreamEvent] = []
        for action in actions:
            if action == "read":
                read += await take(client, min(1, len(expected) - len(read) - client.dropped))
            elif action.endswith("*"):
                patterns.add(action.removesuffix("*"))
                hub.add_topics(client, [action])
            else:
                publish(hub, action)
                if not patterns or action.startswith(tuple(patterns)):
                    expected.append(hub.sequence)
        hub.unsubscribe(client)
        read += [event async for event in client]
        numbers = [event.sequence for event in read]
        assert numbers == sorted(set(numbers) & set(expected)), "each once, in order, and only what was wanted"
        assert len(numbers) + client.dropped == len(expected), "every loss is counted"
        assert numbers[-1:] == expected[-1:], "the oldest are lost, never the newest"

    asyncio.run(check())


@on_a_loop
async def test_two_event_loops_are_woken_each_by_itself() -> None:
    hub = EventHub()
    ready, received = threading.Event(), []

    async def listen() -> None:
        client = hub.subscribe(["signal.buy"])
        ready.set()
        received.extend(await take(client, 2))
        hub.unsubscribe(client)

    other = threading.Thread(target=asyncio.run, args=(listen(),))
    other.start()
    client = hub.subscribe()
    await asyncio.to_thread(ready.wait)
    publish(hub, "signal.buy", "signal.sell", "signal.buy")
    assert [e.sequence for e in await take(client, 3)] == [1, 2, 3]
    await asyncio.to_thread(other.join)
    assert [e.sequence for e in received] == [1, 3]
    assert hub.stats()["connections"] == 1
