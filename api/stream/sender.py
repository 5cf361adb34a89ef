"""Carries events to one WebSocket: at once while its connection takes them, through its queue when it is slow."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

import msgspec

Send = Callable[[Any], Awaitable[None]]


class Sent(Protocol):
    """An event with its ASGI message, made once for all clients."""

    @property
    def message(self) -> Mapping[str, Any]:
        """Its text is `{"type":TOPIC,"seq":n,"at":ISO,"data":{...}}`."""
        ...


class Listening(Protocol):
    """A bounded queue of events that loses its oldest when it is full; all topics until the first `add`.

    While its reader waits and nothing is queued, an event's message goes through `send` at once.
    """

    dropped: int
    send: Send | None

    def __aiter__(self) -> AsyncIterator[Sent]:
        """Give the events that could not be sent at once."""
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


class WebSocketSender:
    """Brings one listener's events to its socket.

    Parameters
    ----------
    send : callable
        The server's ASGI `send`.
    """

    def __init__(self, send: Send, listening: Listening) -> None:
        self._send = send
        self._listening = listening
        self._told = 0
        listening.send = send

    async def deliver(self) -> None:
        """Send what is queued, in order, until the listener leaves; say first how many events were lost."""
        async for event in self._listening:
            if self._listening.dropped > self._told:
                lost, self._told = self._listening.dropped - self._told, self._listening.dropped
                await self.tell(type="dropped", count=lost)
            await self._send(event.message)

    async def tell(self, **message: Any) -> None:
        """Send a message that is no event."""
        await self._send({"type": "websocket.send", "text": msgspec.json.encode(message).decode()})
