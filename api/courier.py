"""Carries events to one WebSocket: at once while its connection takes them, through its queue when it is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Generator, Mapping
from contextlib import suppress
from types import coroutine
from typing import Any, Protocol

import msgspec

Steps = Generator[Any, Any, None]
DONE = object()


class Sending(Protocol):
    """A send that has not begun."""

    def __await__(self) -> Steps:
        """Give its steps."""
        ...


Send = Callable[[Mapping[str, Any]], Sending]


class Sent(Protocol):
    """An event with its JSON, encoded once for all clients."""

    @property
    def text(self) -> str:
        """`{"type":TOPIC,"seq":n,"at":ISO,"data":{...}}`."""
        ...


Hand = Callable[[Any], bool]


class Listening(Protocol):
    """A bounded queue of events that loses its oldest when it is full; all topics until the first `add`.

    While its reader waits and nothing is queued, an event is offered to `hand`, until `ready` is set to None.
    """

    dropped: int
    hand: Hand | None
    ready: Hand | None

    def __aiter__(self) -> AsyncIterator[Sent]:
        """Give events as they come."""
        ...

    def add(self, topics: Collection[str], since: int | None = None) -> None:
        """Listen to more topics, and to what was missed of them after event `since`."""
        ...

    def remove(self, topics: Collection[str]) -> None:
        """Listen to fewer."""
        ...

    def close(self) -> None:
        """Leave the stream."""
        ...


class Courier:
    """Brings one listener's events to its socket.

    While nothing waits, an event is written within the hub's own turn: starting the `send` coroutine by hand
    costs no task switch. One that cannot end at once (the connection's buffer is full) goes on as a task, and
    what comes meanwhile waits in the listener's queue: a stuck client holds up nobody.

    Parameters
    ----------
    send : callable
        The server's ASGI `send`.
    """

    def __init__(self, send: Send, listening: Listening) -> None:
        self._send = send
        self._listening = listening
        self._told = 0
        self._unfinished: asyncio.Task[None] | None = None
        listening.hand = _hand(send, self._go_on)

    async def deliver(self) -> None:
        """Send what is queued, in order, until the listener leaves; say first how many events were lost."""
        async for event in self._listening:
            if self._unfinished is not None:
                await self._unfinished
                self._unfinished = None
            if self._listening.dropped > self._told:
                lost, self._told = self._listening.dropped - self._told, self._listening.dropped
                await self.tell(type="dropped", count=lost)
            await self._send({"type": "websocket.send", "text": event.text})

    def _go_on(self, steps: Steps, waited_for: Any) -> None:
        """Finish a send that has to wait; what comes meanwhile is queued."""
        self._listening.ready = None
        self._unfinished = asyncio.ensure_future(_finish(steps, waited_for))

    async def tell(self, **message: Any) -> None:
        """Send a message that is no event."""
        await self._send({"type": "websocket.send", "text": msgspec.json.encode(message).decode()})

    async def leave(self) -> None:
        """Let go of a send that never ended."""
        if self._unfinished is not None:
            self._unfinished.cancel()
            with suppress(asyncio.CancelledError, OSError, RuntimeError):
                await self._unfinished


def _hand(send: Send, go_on: Callable[[Steps, Any], None]) -> Hand:
    """Give the function that sends an event now; False when the client has gone."""

    def hand(event: Sent) -> bool:
        steps = send({"type": "websocket.send", "text": event.text}).__await__()
        try:
            waited_for = next(steps, DONE)  # a `try: send(None)` with its StopIteration costs half as much again
        except (OSError, RuntimeError):  # the queue's next send says so to `deliver`
            return False
        if waited_for is not DONE:
            go_on(steps, waited_for)
        return True

    return hand


@coroutine
def _rest(steps: Steps, waited_for: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was started by hand and waits for a future."""
    try:
        yield waited_for
        yield from steps
    finally:
        steps.close()


async def _finish(steps: Steps, waited_for: Any) -> None:
    await _rest(steps, waited_for)
