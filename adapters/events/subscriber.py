"""A subscriber of the event stream: the topics it wants, and one bounded queue that drops its oldest events."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from core.errors import RequestError
from core.events import TOPICS, Event

PATTERNS_MAX = 64
PATTERN_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent(Event):
    """An event with its JSON, encoded once for all subscribers.

    Attributes
    ----------
    encoded : bytes
        `{"type": TOPIC, "seq": n, "at": ISO, "data": {...}}`.
    message : mapping
        The same as a WebSocket's ASGI message.
    """

    encoded: bytes
    message: Mapping[str, Any]


class Subscriber:
    """One client's bounded queue: filled by any thread, read on the client's event loop.

    Iterate it asynchronously to get the events as they come, until `close`.

    Parameters
    ----------
    lock : threading.Lock
        The hub's. Whatever changes the queue or the topics holds it, so that no event is lost or counted twice.
    queue_events_max : int
        How many events wait; one more drops the oldest.

    Attributes
    ----------
    sent, dropped : int
        Events taken from the queue; events the client lost.
    """

    def __init__(self, lock: threading.Lock, queue_events_max: int) -> None:
        self._lock = lock
        self._queue: deque[StreamEvent] = deque(maxlen=queue_events_max)
        self._patterns: set[str] | None = None  # None: all topics
        self._topics: frozenset[str] = frozenset()  # that match the patterns
        self._filled = asyncio.Event()
        self._closed = False
        self.sent = 0
        self.dropped = 0

    def __aiter__(self) -> Subscriber:
        """Return itself: the events as they come."""
        return self

    async def __anext__(self) -> StreamEvent:
        """Wait for the next event."""
        while True:
            with self._lock:
                if self._queue:
                    self.sent += 1
                    return self._queue.popleft()
                if self._closed:
                    raise StopAsyncIteration
                self._filled.clear()
            await self._filled.wait()

    def has_topic(self, topic: str) -> bool:
        """Return whether events of a topic are queued."""
        return self._patterns is None or topic in self._topics

    def offer(self, event: StreamEvent) -> None:
        """Queue an event if its topic is wanted; from any thread, under the lock."""
        if self._patterns is None or event.topic in self._topics:
            self._append(event)

    def wake(self) -> None:
        """Let the reader go on; on the event loop."""
        self._filled.set()

    def with_patterns(self, topics: Collection[str]) -> set[str]:
        """Return the subscribed patterns and more of them.

        Raises
        ------
        core.errors.RequestError
            For too many or too long patterns.
        """
        patterns = {*(self._patterns or ()), *topics}
        if len(patterns) > PATTERNS_MAX or any(len(pattern) > PATTERN_LENGTH_MAX for pattern in patterns):
            raise RequestError(
                f"A client may listen to {PATTERNS_MAX} patterns of {PATTERN_LENGTH_MAX} characters.",
                hint="Use a wildcard such as signal.*, or no subscription at all for every topic.",
            )
        return patterns

    def set_patterns(self, patterns: set[str]) -> None:
        """Want the topics that these patterns match and no others; under the lock."""
        self._patterns = patterns
        self._topics = matching(patterns)

    def remove(self, topics: Collection[str]) -> None:
        """Unsubscribe from patterns, as they were subscribed to; without a subscription nothing changes."""
        if self._patterns is not None:
            with self._lock:
                self.set_patterns(self._patterns - set(topics))

    def replay(self, events: Iterable[StreamEvent], lost: int) -> None:
        """Put past events among those that wait, in sequence, each once; under the lock.

        Parameters
        ----------
        lost : int
            How many more there were and are no longer known: they count as dropped.
        """
        self.dropped += lost
        waiting = {event.sequence: event for event in (*events, *self._queue)}
        self._queue.clear()
        for _, event in sorted(waiting.items()):
            self._append(event)

    def close(self) -> None:
        """End the iteration once what waits has been read; on the event loop."""
        self._closed = True
        self._filled.set()

    def _append(self, event: StreamEvent) -> None:
        self.dropped += len(self._queue) == self._queue.maxlen
        self._queue.append(event)


def matching(patterns: Collection[str]) -> frozenset[str]:
    """Return the topics that match any of the patterns, such as `signal.*`."""
    return frozenset(topic for topic in TOPICS if any(fnmatchcase(topic, pattern) for pattern in patterns))
