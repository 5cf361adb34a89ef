"""Carries a subscriber's events to its WebSocket, and says how many were lost when it was too slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

import msgspec

Send = Callable[[Any], Awaitable[None]]


class StreamMessage(Protocol):
    """An event with its ASGI message, made once for all subscribers."""

    @property
    def message(self) -> Mapping[str, Any]:
        """Its text is `{"type":TOPIC,"seq":n,"at":ISO,"data":{...}}`."""
        ...


class EventQueue(Protocol):
    """A bounded queue of events that drops its oldest when it is full; `adapters.events.subscriber` has one."""

    dropped: int

    def __aiter__(self) -> AsyncIterator[StreamMessage]:
        """Return the events as they come."""
        ...

    def remove(self, topics: Collection[str]) -> None:
        """Unsubscribe from topics."""
        ...


class WebSocketSender:
    """Sends one subscriber's events to its socket.

    Parameters
    ----------
    send : callable
        The server's ASGI `send`.
    """

    def __init__(self, send: Send, queue: EventQueue) -> None:
        self._send = send
        self._queue = queue
        self._reported = 0

    async def send_events(self) -> None:
        """Send what is queued, in order, until the subscriber leaves; say first how many events were lost."""
        async for event in self._queue:
            if self._queue.dropped > self._reported:
                lost, self._reported = self._queue.dropped - self._reported, self._queue.dropped
                await self.send_message(type="dropped", count=lost)
            await self._send(event.message)
            await asyncio.sleep(0)  # the server's `send` waits only for a full buffer: let the others send too

    async def send_message(self, **message: Any) -> None:
        """Send a message that is no event."""
        await self._send({"type": "websocket.send", "text": msgspec.json.encode(message).decode()})
