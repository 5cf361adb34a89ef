"""The event hub: the engine's thread publishes, clients on an event loop listen; neither waits for the other."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

import msgspec

from core.errors import RequestError
from core.events import TOPICS, Event

PATTERNS_MAX = 64
PATTERN_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent(Event):
    """An event with its JSON, encoded once for all clients.

    Attributes
    ----------
    encoded : bytes
        `{"type": TOPIC, "seq": n, "at": ISO, "data": {...}}`.
    """

    encoded: bytes


class EventHub:
    """Numbers events, keeps the last of them, and passes them on to any number of clients.

    Publishing is thread-safe, costs one encoding, and wakes each event loop once however many events wait.
    Sequence numbers start at 1 with each process.

    Parameters
    ----------
    log_events_max : int
        How many past events a client can ask for with `since`.
    queue_events_max : int
        How many events wait for one client; a slower one loses its oldest.
    """

    def __init__(self, log_events_max: int = 10_000, queue_events_max: int = 1_000) -> None:
        self._log: deque[StreamEvent] = deque(maxlen=log_events_max)
        self._queue_events_max = queue_events_max
        self._sequence = 0
        self._lock = threading.Lock()
        self._rooms: dict[asyncio.AbstractEventLoop, _Room] = {}
        self._sent = self._dropped = 0  # by clients that left

    def publish(self, topic: str, at: datetime, data: Mapping[str, Any]) -> StreamEvent:
        """Give an event its place in the sequence and pass it on; never blocks, never raises.

        Data that is not JSON is replaced by a note that says so.
        """
        with self._lock:
            self._sequence += 1
            event = _event(topic, self._sequence, at, data)
            self._log.append(event)
            for room in self._rooms.values():
                room.post(event)
        return event

    def subscribe(self, topics: Collection[str] | None = None, since: int | None = None) -> EventSubscription:
        """Let a client of the running event loop listen.

        Parameters
        ----------
        topics : collection of str or None
            Topics or patterns such as `signal.*`; None for all.
        since : int or None
            Give the logged events after this sequence number first. A number this process has not reached
            is from an earlier one: the whole log is given.

        Raises
        ------
        core.errors.RequestError
            For too many or too long patterns.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            room = self._rooms.setdefault(loop, _Room(loop))
            earlier, batch = tuple(room.clients), room.take()
            client = EventSubscription(self, room, self._queue_events_max)
            room.clients[client] = True
        _deliver(earlier, batch)
        try:
            if topics is not None:
                client.add(topics, since)
            elif since is not None:
                client.replay(*self.logged(since, room))
        except RequestError:
            client.close()
            raise
        return client

    def logged(self, since: int, room: _Room) -> tuple[list[StreamEvent], int]:
        """Give the logged events after a sequence number, and how many are no longer in the log.

        What waits for the room's loop is delivered first, so that every event up to now is either delivered
        or in the answer and every later one still comes.
        """
        with self._lock:
            clients, batch = tuple(room.clients), room.take()
            start = 0 if since > self._sequence else max(0, since)
            first = self._log[0].sequence if self._log else self._sequence + 1
            events = list(islice(self._log, max(0, start - first + 1), None))
        _deliver(clients, batch)
        return events, max(0, first - start - 1)

    def leave(self, client: EventSubscription, room: _Room) -> None:
        """Forget a client; called by its `close`."""
        with self._lock:
            if room.clients.pop(client, None):
                self._sent += client.sent
                self._dropped += client.dropped
            if not room.clients:
                self._rooms.pop(room.loop, None)

    @property
    def sequence(self) -> int:
        """The number of the last event."""
        return self._sequence

    def stats(self) -> Mapping[str, Any]:
        """Count connections, listeners by topic, events sent and dropped, and the last sequence number."""
        with self._lock:
            clients = [client for room in self._rooms.values() for client in room.clients]
            return {
                "connections": len(clients),
                "topics": {topic: sum(client.hears(topic) for client in clients) for topic in TOPICS},
                "sent": self._sent + sum(client.sent for client in clients),
                "dropped": self._dropped + sum(client.dropped for client in clients),
                "sequence": self._sequence,
            }


class EventSubscription:
    """One client's bounded queue. All but the making of it happens on the client's event loop."""

    def __init__(self, hub: EventHub, room: _Room, queue_events_max: int) -> None:
        self._hub = hub
        self._room = room
        self._queue: deque[StreamEvent] = deque(maxlen=queue_events_max)
        self._patterns: set[str] | None = None
        self._heard: dict[str, bool] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self.sent = 0
        self.dropped = 0

    def __aiter__(self) -> EventSubscription:
        """Give events as they come, until `close`."""
        return self

    async def __anext__(self) -> StreamEvent:
        """Wait for the next event."""
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self.sent += 1
        return self._queue.popleft()

    def add(self, topics: Collection[str], since: int | None = None) -> None:
        """Listen to more topics; the first call ends listening to all. `since` as in `EventHub.subscribe`.

        Raises
        ------
        core.errors.RequestError
            For too many or too long patterns; nothing is changed then.
        """
        patterns = {*(self._patterns or ()), *topics}
        if len(patterns) > PATTERNS_MAX or any(len(pattern) > PATTERN_LENGTH_MAX for pattern in patterns):
            raise RequestError(
                f"A client may listen to {PATTERNS_MAX} patterns of {PATTERN_LENGTH_MAX} characters.",
                hint="Use a wildcard such as signal.*, or no subscription at all for every topic.",
            )
        past, lost = self._hub.logged(self._hub.sequence if since is None else since, self._room)
        self._listen(patterns)
        self.replay([e for e in past if any(fnmatchcase(e.topic, t) for t in topics)], lost)

    def remove(self, topics: Collection[str]) -> None:
        """Stop listening to topics, named as they were subscribed to; without a subscription nothing changes."""
        if self._patterns is not None:
            self._listen(self._patterns - set(topics))

    def close(self) -> None:
        """Leave the stream; what waits is still given, then the iteration ends."""
        self._closed = True
        self._hub.leave(self, self._room)
        self._wake()

    def hears(self, topic: str) -> bool:
        """Tell whether a topic is listened to."""
        heard = self._heard.get(topic)
        if heard is None:
            patterns = self._patterns
            heard = patterns is None or any(fnmatchcase(topic, pattern) for pattern in patterns)
            self._heard[topic] = heard
        return heard

    def deliver(self, events: Iterable[StreamEvent]) -> None:
        """Queue those events of a batch that are listened to, and wake the client once."""
        for event in events:
            if self.hears(event.topic):
                self._push(event)
        self._wake()

    def replay(self, events: Iterable[StreamEvent], lost: int) -> None:
        """Put logged events among those that wait, in sequence, each once; `lost` ones count as dropped."""
        self.dropped += lost
        waiting = {event.sequence: event for event in (*events, *self._queue)}
        self._queue.clear()
        for _, event in sorted(waiting.items()):
            self._push(event)
        self._wake()

    def _listen(self, patterns: set[str]) -> None:
        self._patterns = patterns
        self._heard = {}

    def _push(self, event: StreamEvent) -> None:
        self.dropped += len(self._queue) == self._queue.maxlen
        self._queue.append(event)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done() and (self._queue or self._closed):
            self._waiter.set_result(None)


class _Room:
    """The clients of one event loop, and what was published for them since it last woke."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.clients: dict[EventSubscription, bool] = {}
        self._posted: deque[StreamEvent] = deque()
        self._called = False

    def post(self, event: StreamEvent) -> None:
        """Leave an event for the loop; under the hub's lock, from any thread."""
        if self.loop.is_closed():
            return
        self._posted.append(event)
        if not self._called:
            self._called = True
            try:
                self.loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop was closed in between: nobody listens any more
                self._posted.clear()

    def take(self) -> list[StreamEvent]:
        """Take what was left; on the loop's thread."""
        return [self._posted.popleft() for _ in range(len(self._posted))]

    def _wake(self) -> None:
        self._called = False  # before the batch is taken: what comes later calls again
        _deliver(tuple(self.clients), self.take())


def _deliver(clients: Iterable[EventSubscription], batch: list[StreamEvent]) -> None:
    for client in clients:
        client.deliver(batch)


def _event(topic: str, sequence: int, at: datetime, data: Mapping[str, Any]) -> StreamEvent:
    try:
        encoded = _encode(topic, sequence, at, data)
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        data = {"unreadable": str(error)}
        encoded = _encode(topic, sequence, at, data)
    return StreamEvent(topic=topic, sequence=sequence, at=at, data=data, encoded=encoded)


def _encode(topic: str, sequence: int, at: datetime, data: Mapping[str, Any]) -> bytes:
    return _encoder.encode({"type": topic, "seq": sequence, "at": at.astimezone(UTC), "data": data})


def _plain(value: Any) -> Any:
    """Turn a mapping into a dict and a numpy scalar into Python's own number."""
    return dict(value) if isinstance(value, Mapping) else value.item()


_encoder = msgspec.json.Encoder(enc_hook=_plain)
