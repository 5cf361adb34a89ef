"""The event hub: the engine's thread publishes, clients on an event loop listen; neither waits for the other."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec

from adapters.events.broadcast import Room, deliver_all
from adapters.events.subscription import StreamEvent, Subscriber
from core.errors import RequestError
from core.events import TOPICS

Count = Callable[[str, Mapping[str, Any]], None]


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
    count : callable or None
        Told of each event, for the metrics.
    """

    def __init__(
        self, log_events_max: int = 10_000, queue_events_max: int = 1_000, count: Count | None = None
    ) -> None:
        self._count = count
        self._log: deque[StreamEvent] = deque(maxlen=log_events_max)
        self._queue_events_max = queue_events_max
        self._sequence = 0
        self._lock = threading.Lock()
        self._rooms: dict[asyncio.AbstractEventLoop, Room] = {}
        self._sent = self._dropped = 0  # by clients that left

    def publish(self, topic: str, at: datetime, data: Mapping[str, Any]) -> StreamEvent:
        """Give an event its place in the sequence and pass it on; never blocks, never raises.

        Data that is not JSON is replaced by a note that says so.
        """
        if self._count is not None:
            self._count(topic, data)
        with self._lock:
            self._sequence += 1
            event = _event(topic, self._sequence, at, data)
            self._log.append(event)
            for room in self._rooms.values():
                room.post(event)
        return event

    def subscribe(self, topics: Collection[str] | None = None, since: int | None = None) -> Subscriber:
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
            room = self._rooms.setdefault(loop, Room(loop, self._queue_events_max))
            earlier, batch = tuple(room.clients), room.take()
            client = Subscriber(self, room, self._queue_events_max, hears_all=topics is None)
            room.clients[client] = True
            room.regroup()
        deliver_all(earlier, batch)
        try:
            if topics is not None:
                client.add(topics, since)
            elif since is not None:
                client.replay(*self.logged(since, room))
        except RequestError:
            client.close()
            raise
        return client

    def logged(self, since: int, room: Room) -> tuple[list[StreamEvent], int]:
        """Give the logged events after a sequence number, and how many are no longer in the log.

        What waits for the room's loop is delivered first, so that every event up to now is either delivered
        or in the answer and every later one still comes.
        """
        with self._lock:
            clients, batch = tuple(room.clients), room.take()
            start = 0 if since > self._sequence else max(0, since)
            first = self._log[0].sequence if self._log else self._sequence + 1
            events = list(islice(self._log, max(0, start - first + 1), None))
        deliver_all(clients, batch)
        return events, max(0, first - start - 1)

    def leave(self, client: Subscriber, room: Room) -> None:
        """Forget a client; called by its `close`."""
        with self._lock:
            room.regroup()
            if room.clients.pop(client, None):
                self._sent += client.sent
                self._dropped += client.dropped
            if not room.clients and self._rooms.pop(room.loop, None) is not None:
                self._sent += room.sent

    @property
    def sequence(self) -> int:
        """The number of the last event."""
        return self._sequence

    def stats(self) -> Mapping[str, Any]:
        """Count connections, listeners by topic, events sent and dropped, and the last sequence number."""
        with self._lock:
            rooms = tuple(self._rooms.values())
            clients = [client for room in rooms for client in room.clients]
            return {
                "connections": len(clients),
                "topics": {topic: sum(client.hears(topic) for client in clients) for topic in TOPICS},
                "sent": self._sent + sum(one.sent for one in clients) + sum(room.sent for room in rooms),
                "dropped": self._dropped + sum(client.dropped for client in clients),
                "sequence": self._sequence,
            }


def _event(topic: str, sequence: int, at: datetime, data: Mapping[str, Any]) -> StreamEvent:
    try:
        encoded = _encode(topic, sequence, at, data)
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        data = {"unreadable": str(error)}
        encoded = _encode(topic, sequence, at, data)
    message = {"type": "websocket.send", "text": encoded.decode()}
    return StreamEvent(topic=topic, sequence=sequence, at=at, data=data, encoded=encoded, message=message)


def _encode(topic: str, sequence: int, at: datetime, data: Mapping[str, Any]) -> bytes:
    return _encoder.encode({"type": topic, "seq": sequence, "at": at.astimezone(UTC), "data": data})


def _plain(value: Any) -> Any:
    """Turn a mapping into a dict and a numpy scalar into Python's own number."""
    return dict(value) if isinstance(value, Mapping) else value.item()


_encoder = msgspec.json.Encoder(enc_hook=_plain)
