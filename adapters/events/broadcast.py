"""The listeners of an event loop: what was published is passed on to each, and none waits for another."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from adapters.events.coroutine_steps import DONE
from adapters.events.subscription import StreamEvent, Subscriber

SLICE_SECONDS_MAX = 0.005  # of an event loop's time at once, however many events wait


class Room:
    """The clients of one event loop, and what was published for them since it last woke.

    Attributes
    ----------
    sent : int
        Events that were sent at once.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, posted_events_max: int) -> None:
        self.loop = loop
        self.clients: dict[Subscriber, bool] = {}
        self._listeners: dict[str, list[Subscriber]] = {}
        self.sent = 0
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
        """Give an event to who listens: at once where nothing waits before it, else through the queue.

        A turn serves one client after the other and is stepped by hand. Where a send has to wait, the turn is
        over for the others: it becomes that client's task, and a new one serves the rest.
        """
        listeners = iter(self._listeners_of(event.topic))
        while True:
            turn = _Turn()
            steps = self._serve(event, listeners, turn).__await__()
            waited_for = next(steps, DONE)
            if waited_for is DONE:
                return
            assert turn.client is not None  # noqa: S101  # only a send waits
            turn.over = True
            turn.client.go_on(steps, waited_for)

    async def _serve(self, event: StreamEvent, listeners: Iterator[Subscriber], turn: _Turn) -> None:
        message, sent = event.message, 0
        for client in listeners:
            send = client.ready
            if send is None:
                client.queue(event)
                continue
            turn.client = client
            try:
                await send(message)
                sent += 1
            except (OSError, RuntimeError):  # the client has gone: the queue's next send says so to its reader
                client.queue(event)
            if turn.over:
                break
        self.sent += sent

    def _listeners_of(self, topic: str) -> list[Subscriber]:
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


class _Turn:
    """A walk along the listeners: who is served now, and whether somebody else serves those that follow."""

    __slots__ = ("client", "over")

    def __init__(self) -> None:
        self.client: Subscriber | None = None
        self.over = False


def deliver_all(clients: Iterable[Subscriber], batch: list[StreamEvent]) -> None:
    """Queue a batch for each client."""
    for client in clients:
        client.deliver(batch)
