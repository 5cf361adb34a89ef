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

from adapters.events.subscriber import StreamEvent, Subscriber, matching
from core.events import TOPICS
from core.masking import NO_SECRETS, SecretMask
from core.plain_words import plain_reason

Count = Callable[[str, Mapping[str, Any]], None]
Listener = Callable[[str, datetime, Mapping[str, Any]], None]


class EventHub:
    """Numbers events, keeps the last of them, and queues them for any number of subscribers.

    Publishing is thread-safe, costs one encoding and one queued reference a subscriber, and wakes each event
    loop once however many events wait. Sequence numbers start at 1 with each process.

    Parameters
    ----------
    log_events_max : int
        How many past events a client can ask for with `since`; the default is some days of all jobs.
    queue_events_max : int
        How many events wait for one subscriber; a slower one loses its oldest.
    count : callable or None
        Called with each event's topic and data, for the metrics.
    mask : SecretMask
        Taken out of every event's data.
    """

    def __init__(
        self,
        log_events_max: int = 2_500,
        queue_events_max: int = 1_000,
        count: Count | None = None,
        mask: SecretMask = NO_SECRETS,
    ) -> None:
        self._count = count
        self._mask = mask
        self._listeners: tuple[Listener, ...] = ()
        self._log: deque[StreamEvent] = deque(maxlen=log_events_max)
        self._queue_events_max = queue_events_max
        self._sequence = 0
        self._lock = threading.Lock()
        self._subscribers: dict[asyncio.AbstractEventLoop, set[Subscriber]] = {}
        self._called: set[asyncio.AbstractEventLoop] = set()  # loops that will wake their subscribers
        self._sent = self._dropped = 0  # by subscribers that left

    def publish(self, topic: str, at: datetime, data: Mapping[str, Any]) -> StreamEvent:
        """Give an event its place in the sequence and queue it for who wants it; never blocks, never raises.

        Data that is not JSON is replaced by a note that says so.
        """
        data = self._mask.value(data)
        if self._count is not None:
            self._count(topic, data)
        for listen in self._listeners:
            listen(topic, at, data)
        with self._lock:
            self._sequence += 1
            event = _event(topic, self._sequence, at, data)
            self._log.append(event)
            for loop, subscribers in tuple(self._subscribers.items()):
                for subscriber in subscribers:
                    subscriber.offer(event)
                self._call(loop)
        return event

    def add_listener(self, listen: Listener) -> None:
        """Give each event to a function at once, on the thread that publishes it; it must not raise or wait."""
        self._listeners = (*self._listeners, listen)

    def subscribe(self, topics: Collection[str] | None = None, since: int | None = None) -> Subscriber:
        """Return a new subscriber, read on the running event loop.

        Parameters
        ----------
        topics : collection of str or None
            Topics or patterns such as `signal.*`; None for all.
        since : int or None
            Queue the logged events after this sequence number first. A number this process has not reached
            is from an earlier one: the whole log is given.

        Raises
        ------
        core.errors.RequestError
            For too many or too long patterns.
        """
        subscriber = Subscriber(self._lock, self._queue_events_max)
        patterns = None if topics is None else subscriber.with_patterns(topics)
        with self._lock:
            if patterns is not None:
                subscriber.set_patterns(patterns)
            if since is not None:
                subscriber.replay(*self._logged(topics, since))
            self._subscribers.setdefault(asyncio.get_running_loop(), set()).add(subscriber)
        return subscriber

    def add_topics(self, subscriber: Subscriber, topics: Collection[str], since: int | None = None) -> None:
        """Subscribe to more topics; the first call ends the subscription to all. `since` as in `subscribe`.

        Raises
        ------
        core.errors.RequestError
            For too many or too long patterns; nothing is changed then.
        """
        patterns = subscriber.with_patterns(topics)
        with self._lock:
            subscriber.set_patterns(patterns)
            if since is not None:
                subscriber.replay(*self._logged(topics, since))
        subscriber.wake()

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Forget a subscriber; what waits can still be read, then its iteration ends."""
        subscriber.close()
        loop = asyncio.get_running_loop()
        with self._lock:
            subscribers = self._subscribers.get(loop, set())
            if subscriber in subscribers:
                subscribers.remove(subscriber)
                self._keep_counts(subscriber)
            if not subscribers:
                self._subscribers.pop(loop, None)

    @property
    def sequence(self) -> int:
        """The number of the last event."""
        return self._sequence

    def stats(self) -> Mapping[str, Any]:
        """Count connections, subscribers by topic, events sent and dropped, and the last sequence number."""
        with self._lock:
            subscribers = [one for group in self._subscribers.values() for one in group]
            return {
                "connections": len(subscribers),
                "topics": {topic: sum(one.has_topic(topic) for one in subscribers) for topic in TOPICS},
                "sent": self._sent + sum(one.sent for one in subscribers),
                "dropped": self._dropped + sum(one.dropped for one in subscribers),
                "sequence": self._sequence,
            }

    def _logged(self, topics: Collection[str] | None, since: int) -> tuple[list[StreamEvent], int]:
        """Return the logged events of topics after a sequence number, and how many are no longer logged."""
        start = 0 if since > self._sequence else max(0, since)
        first = self._log[0].sequence if self._log else self._sequence + 1
        events = list(islice(self._log, max(0, start - first + 1), None))
        if topics is not None:
            wanted = matching(topics)
            events = [event for event in events if event.topic in wanted]
        return events, max(0, first - start - 1)

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have an event loop wake its subscribers, once until it has done so; under the lock."""
        if loop in self._called and not loop.is_closed():
            return
        try:
            loop.call_soon_threadsafe(self._wake, loop)
        except RuntimeError:  # the loop was closed: nobody reads there any more
            self._called.discard(loop)
            for subscriber in self._subscribers.pop(loop):
                self._keep_counts(subscriber)
        else:
            self._called.add(loop)

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            self._called.discard(loop)  # before a reader goes on: what is published later calls again
            subscribers = tuple(self._subscribers.get(loop, ()))
        for subscriber in subscribers:
            subscriber.wake()

    def _keep_counts(self, subscriber: Subscriber) -> None:
        self._sent += subscriber.sent
        self._dropped += subscriber.dropped


def _event(topic: str, sequence: int, at: datetime, data: Mapping[str, Any]) -> StreamEvent:
    try:
        encoded = _encode(topic, sequence, at, data)
    except (TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        data = {"unreadable": plain_reason(error)}
        encoded = _encode(topic, sequence, at, data)
    message = {"type": "websocket.send", "text": encoded.decode()}
    return StreamEvent(topic=topic, sequence=sequence, at=at, data=data, encoded=encoded, message=message)


def _encode(topic: str, sequence: int, at: datetime, data: Mapping[str, Any]) -> bytes:
    return _encoder.encode({"type": topic, "seq": sequence, "at": at.astimezone(UTC), "data": data})


def _plain(value: Any) -> Any:
    """Turn a mapping into a dict and a numpy scalar into Python's own number."""
    return dict(value) if isinstance(value, Mapping) else value.item()


_encoder = msgspec.json.Encoder(enc_hook=_plain)
