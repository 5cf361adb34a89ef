"""The event stream over a WebSocket: topics in, events out; a slow client loses its oldest, nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Annotated, Any, Protocol

import msgspec
from fastapi import APIRouter, Request, WebSocket, WebSocketDisconnect

from api.answers_daemon import StreamStatusAnswer
from core.errors import RequestError
from core.events import TOPICS

MESSAGE_CHARACTERS_MAX = 64 * 1024
HINT = 'Send {"action":"subscribe","topics":["signal.*"]}, "unsubscribe" with topics, or "ping".'
router = APIRouter(tags=["stream"])


class Sent(Protocol):
    """An event with its JSON, encoded once for all clients."""

    @property
    def encoded(self) -> bytes:
        """`{"type":TOPIC,"seq":n,"at":ISO,"data":{...}}`."""
        ...


class Listening(Protocol):
    """A bounded queue of events that loses its oldest when it is full; all topics until the first `add`."""

    dropped: int

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


class Hub(Protocol):
    """Where events come from; `adapters.event_hub.EventHub` is one."""

    @property
    def sequence(self) -> int:
        """The newest event's place in the stream."""
        ...

    def subscribe(self) -> Listening:
        """Listen to all topics, from now on."""
        ...

    def stats(self) -> Mapping[str, Any]:
        """Count connections, listeners by topic, events sent and dropped."""
        ...


Topics = Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(min_length=1, max_length=64)]


class Subscribe(msgspec.Struct, tag_field="action", tag="subscribe", forbid_unknown_fields=True):
    """Hear these topics (too); with `since`, also what was missed of them after that event."""

    topics: Topics
    since: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Unsubscribe(msgspec.Struct, tag_field="action", tag="unsubscribe", forbid_unknown_fields=True):
    """Hear these topics no more, named as they were subscribed to."""

    topics: Topics


class Ping(msgspec.Struct, tag_field="action", tag="ping", forbid_unknown_fields=True):
    """Ask for a pong."""


Asked = Subscribe | Unsubscribe | Ping


@router.websocket("/ws/stream")
async def stream(socket: WebSocket) -> None:
    """Serve one client until it leaves: deliver events, obey messages."""
    await socket.accept()
    hub: Hub = socket.app.state.hub
    listening = hub.subscribe()
    delivery = asyncio.create_task(_deliver(socket, listening))
    try:
        while True:
            received = await socket.receive()
            if received["type"] == "websocket.disconnect":
                break
            await _obey(received, socket, hub, listening)
    except WebSocketDisconnect:
        pass
    finally:
        listening.close()
        delivery.cancel()
        with suppress(asyncio.CancelledError, WebSocketDisconnect):
            await delivery


@router.get("/ws/status")
async def stream_status(request: Request) -> StreamStatusAnswer:
    """Count connections, and events sent and dropped."""
    return StreamStatusAnswer.model_validate(request.app.state.hub.stats())


async def _deliver(socket: WebSocket, listening: Listening) -> None:
    told = 0
    async for event in listening:
        if listening.dropped > told:
            lost, told = listening.dropped - told, listening.dropped
            await _tell(socket, type="dropped", count=lost)
        await socket.send_text(event.encoded.decode())


async def _obey(received: Mapping[str, Any], socket: WebSocket, hub: Hub, listening: Listening) -> None:
    text = received.get("text") or received.get("bytes") or b""
    try:
        if len(text) > MESSAGE_CHARACTERS_MAX:
            raise RequestError(f"The message is longer than {MESSAGE_CHARACTERS_MAX} characters.", hint=HINT)
        asked = msgspec.json.decode(text, type=Asked)
        if isinstance(asked, Subscribe):
            _require_known(asked.topics)
            listening.add(asked.topics, asked.since)
        elif isinstance(asked, Unsubscribe):
            listening.remove(asked.topics)
    except RequestError as error:
        await _tell(socket, type="error", detail=error.message, hint=error.hint)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        await _tell(socket, type="error", detail=str(error), hint=HINT)
    else:
        await _confirm(socket, asked, hub.sequence)


async def _confirm(socket: WebSocket, asked: Asked, sequence: int) -> None:
    if isinstance(asked, Ping):
        await _tell(socket, type="pong", seq=sequence)
    else:
        done = "subscribed" if isinstance(asked, Subscribe) else "unsubscribed"
        await _tell(socket, type=done, topics=asked.topics, seq=sequence)


async def _tell(socket: WebSocket, **message: Any) -> None:
    await socket.send_text(msgspec.json.encode(message).decode())


def _require_known(patterns: Collection[str]) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(topic, pattern) for topic in TOPICS):
            raise RequestError(f"No topic matches {pattern}.", hint=f"Topics: {', '.join(TOPICS)}.")
