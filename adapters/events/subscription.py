"""One listener of the stream: what it listens to, and a bounded queue for what it cannot take at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

from adapters.events.coroutine_steps import Steps, finish
from core.errors import RequestError
from core.events import Event

if TYPE_CHECKING:
    from adapters.events.broadcast import Room

PATTERNS_MAX = 64
PATTERN_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent(Event):
    """An event with its JSON, encoded once for all clients.

    Attributes
    ----------
    encoded : bytes
        `{"type": TOPIC, "seq": n, "at": ISO, "data": {...}}`.
    message : mapping
        The same as a WebSocket's ASGI message.
    """

    encoded: bytes
    message: Mapping[str, Any]


Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Log(Protocol):
    """The hub as its listeners see it."""

    @property
    def sequence(self) -> int:
        """The number of the last event."""
        ...

    def logged(self, since: int, room: Room) -> tuple[list[StreamEvent], int]:
        """Give the logged events after a sequence number, and how many are no longer in the log."""
        ...

    def leave(self, client: Subscriber, room: Room) -> None:
        """Forget a client."""
        ...


class Subscriber:
    """One client's bounded queue. All but the making of it happens on the client's event loop.

    Attributes
    ----------
    send : callable or None
        Sends an event's message, without the queue and without waking the reader. Used only while nothing waits
        and no loss has to be told; a send that cannot end at once goes on as a task, and what comes meanwhile is
        queued: a stuck client holds up nobody.
    ready : callable or None
        `send`, while it may be used.
    """

    def __init__(self, hub: Log, room: Room, queue_events_max: int, *, hears_all: bool) -> None:
        self._hub = hub
        self._room = room
        self._queue: deque[StreamEvent] = deque(maxlen=queue_events_max)
        self._patterns: set[str] | None = None if hears_all else set()
        self._heard: dict[str, bool] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self._unfinished: asyncio.Task[None] | None = None
        self.send: Send | None = None
        self.ready: Send | None = None
        self.sent = 0  # through the queue; the room counts what was sent at once
        self.dropped = 0

    def __aiter__(self) -> Subscriber:
        """Give events as they come, until `close`."""
        return self

    async def __anext__(self) -> StreamEvent:
        """Wait for the next event."""
        while not self._queue:
            if self._closed:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            self.ready = self.send
            try:
                await self._waiter
            finally:
                self._waiter = self.ready = None
        if self._unfinished is not None:
            await asyncio.wait([self._unfinished])
            self._unfinished = None
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
        if self._unfinished is not None:
            self._unfinished.cancel()
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

    def queue(self, event: StreamEvent) -> None:
        """Queue an event that is listened to, and wake the reader."""
        self.ready = None
        self._push(event)
        self._wake()

    def go_on(self, steps: Steps, waited_for: Any) -> None:
        """Finish a send that has to wait; what comes meanwhile is queued."""
        self.ready = None
        self._unfinished = asyncio.ensure_future(finish(steps, waited_for))

    def lose(self, counts: Mapping[str, int]) -> None:
        """Count events, by topic, that were lost before they could be queued."""
        self.ready = None
        self.dropped += sum(count for topic, count in counts.items() if self.hears(topic))

    def deliver(self, events: Iterable[StreamEvent]) -> None:
        """Queue those events of a batch that are listened to, and wake the client once."""
        for event in events:
            if self.hears(event.topic):
                self._push(event)
        self._wake()

    def replay(self, events: Iterable[StreamEvent], lost: int) -> None:
        """Put logged events among those that wait, in sequence, each once; `lost` ones count as dropped."""
        self.ready = None
        self.dropped += lost
        waiting = {event.sequence: event for event in (*events, *self._queue)}
        self._queue.clear()
        for _, event in sorted(waiting.items()):
            self._push(event)
        self._wake()

    def _listen(self, patterns: set[str]) -> None:
        self._patterns = patterns
        self._heard = {}
        self._room.regroup()

    def _push(self, event: StreamEvent) -> None:
        self.dropped += len(self._queue) == self._queue.maxlen
        self._queue.append(event)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done() and (self._queue or self._closed):
            self.ready = None
            self._waiter.set_result(None)
