"""The listeners of an event loop: each with a bounded queue, none waiting for another."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from core.errors import RequestError
from core.events import Event

PATTERNS_MAX = 64
PATTERN_LENGTH_MAX = 64
SLICE_SECONDS_MAX = 0.005  # of an event loop's time at once, however many events wait


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent(Event):
    """An event with its JSON, encoded once for all clients.

    Attributes
    ----------
    encoded, text : bytes and str
        `{"type": TOPIC, "seq": n, "at": ISO, "data": {...}}`.
    """

    encoded: bytes
    text: str


Hand = Callable[[StreamEvent], bool]


class Log(Protocol):
    """The hub as its listeners see it."""

    @property
    def sequence(self) -> int:
        """The number of the last event."""
        ...

    def logged(self, since: int, room: Room) -> tuple[list[StreamEvent], int]:
        """Give the logged events after a sequence number, and how many are no longer in the log."""
        ...

    def leave(self, client: EventSubscription, room: Room) -> None:
        """Forget a client."""
        ...


class EventSubscription:
    """One client's bounded queue. All but the making of it happens on the client's event loop.

    Attributes
    ----------
    hand : callable or None
        Takes an event at once, without the queue and without waking the reader; False when it cannot now, and
        the event is queued. Asked only while nothing waits and no loss has to be told.
    ready : callable or None
        `hand`, while it may be asked.
    """

    def __init__(self, hub: Log, room: Room, queue_events_max: int, *, hears_all: bool) -> None:
        self._hub = hub
        self._room = room
        self._queue: deque[StreamEvent] = deque(maxlen=queue_events_max)
        self._patterns: set[str] | None = None if hears_all else set()
        self._heard: dict[str, bool] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False
        self.hand: Hand | None = None
        self.ready: Hand | None = None
        self.sent = 0  # through the queue; the room counts what was handed over
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
            self.ready = self.hand
            try:
                await self._waiter
            finally:
                self._waiter = self.ready = None
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

    def queue(self, event: StreamEvent) -> None:
        """Queue an event that is listened to, and wake the reader."""
        self.ready = None
        self._push(event)
        self._wake()

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


class Room:
    """The clients of one event loop, and what was published for them since it last woke.

    Attributes
    ----------
    handed : int
        Events that clients took by hand.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, posted_events_max: int) -> None:
        self.loop = loop
        self.clients: dict[EventSubscription, bool] = {}
        self._listeners: dict[str, list[EventSubscription]] = {}
        self.handed = 0
        self._posted: deque[StreamEvent] = deque()
        self._posted_events_max = posted_events_max
        self._lost: Counter[str] = Counter()
        self._lost_lock = threading.Lock()
        self._called = False

    def post(self, event: StreamEvent) -> None:
        """Leave an event for the loop; under the hub's lock, from any thread."""
        if self.loop.is_closed():
            return
        self._posted.append(event)
        if len(self._posted) > self._posted_events_max:
            self._lose_oldest()
        if not self._called:
            self._called = True
            try:
                self.loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop was closed in between: nobody listens any more
                self._posted.clear()

    def regroup(self) -> None:
        """Ask the clients again what they listen to: somebody came, left or changed its mind."""
        self._listeners = {}

    def take(self) -> list[StreamEvent]:
        """Take what was left; on the loop's thread."""
        self._tell_lost()
        return [self._posted.popleft() for _ in range(len(self._posted))]

    def _wake(self) -> None:
        """Offer what was left to every client, for a slice of the loop's time."""
        self._called = False  # before an event is taken: what comes later calls again
        self._tell_lost()
        until = self.loop.time() + SLICE_SECONDS_MAX
        while self._posted and self.loop.time() < until:
            self._pass_on(self._posted.popleft())
        if self._posted and not self._called:
            self._called = True
            self.loop.call_soon(self._wake)

    def _pass_on(self, event: StreamEvent) -> None:
        """Give an event to who listens: by hand where nothing waits before it, else through the queue."""
        listeners = self._listeners_of(event.topic)
        slow = 0
        for client in listeners:
            ready = client.ready
            if ready is None or not ready(event):
                client.queue(event)
                slow += 1
        self.handed += len(listeners) - slow

    def _listeners_of(self, topic: str) -> list[EventSubscription]:
        found = self._listeners.get(topic)
        if found is None:
            found = self._listeners[topic] = [client for client in self.clients if client.hears(topic)]
        return found

    def _lose_oldest(self) -> None:
        """Let go of the oldest event when the loop comes too seldom; the loop may take it meanwhile."""
        try:
            oldest = self._posted.popleft()
        except IndexError:
            return
        with self._lost_lock:
            self._lost[oldest.topic] += 1

    def _tell_lost(self) -> None:
        if self._lost:
            with self._lost_lock:
                lost, self._lost = self._lost, Counter()
            for client in self.clients:
                client.lose(lost)


def deliver_all(clients: Iterable[EventSubscription], batch: list[StreamEvent]) -> None:
    """Queue a batch for each client."""
    for client in clients:
        client.deliver(batch)
