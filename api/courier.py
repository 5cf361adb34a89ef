"""Carries events to one WebSocket: at once while its connection takes them, through its queue when it is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Generator, Mapping
from contextlib import suppress
from types import coroutine
from typing import Any, Protocol

import msgspec

Sending = Coroutine[Any, Any, None]
Send = Callable[[Mapping[str, Any]], Sending]


class Sent(Protocol):
    """An event with its JSON, encoded once for all clients."""

    @property
    def text(self) -> str:
        """`{"type":TOPIC,"seq":n,"at":ISO,"data":{...}}`."""
        ...


class Listening(Protocol):
    """A bounded queue of events that loses its oldest when it is full; all topics until the first `add`."""

    dropped: int
    hand: Callable[[Any], bool] | None

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
        listening.hand = self.hand

    def hand(self, event: Sent) -> bool:
        """Send now; False when the client is slow or has gone."""
        if self._unfinished is not None:
            return False
        sending = self._send({"type": "websocket.send", "text": event.text})
        try:
            waited_for = sending.send(None)
        except StopIteration:
            return True
        except (OSError, RuntimeError):  # it has gone: the queue's next send says so to `deliver`
            return False
        self._unfinished = asyncio.ensure_future(_finish(sending, waited_for))
        return True

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

    async def tell(self, **message: Any) -> None:
        """Send a message that is no event."""
        await self._send({"type": "websocket.send", "text": msgspec.json.encode(message).decode()})

    async def leave(self) -> None:
        """Let go of a send that never ended."""
        if self._unfinished is not None:
            self._unfinished.cancel()
            with suppress(asyncio.CancelledError, OSError, RuntimeError):
                await self._unfinished


@coroutine
def _rest(sending: Sending, waited_for: Any) -> Generator[Any, Any, None]:
    """Go on with a coroutine that was started by hand and waits for a future."""
    try:
        yield waited_for
        yield from sending.__await__()
    finally:
        sending.close()


async def _finish(sending: Sending, waited_for: Any) -> None:
    await _rest(sending, waited_for)
