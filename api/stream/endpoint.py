"""The event stream over a WebSocket: topics in, events out; a slow client loses its oldest and delays nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
from fastapi import APIRouter, Request
from starlette.types import ASGIApp, Receive, Scope

from api.refusal import Refusal, refuse
from api.schemas.daemon import StreamStatusAnswer
from api.stream.sender import EventQueue, Send, WebSocketSender
from core.errors import RequestError
from core.events import TOPICS
from core.plain_words import plain_reason

PATH = "/ws/stream"
SUBPROTOCOL = "trading-engine"  # what a browser offers beside its token, and is answered
MESSAGE_BYTES_MAX = 64 * 1024  # the server closes the connection of a longer one: nothing longer is legal
HINT = 'Send {"action":"subscribe","topics":["signal.*"]}, "unsubscribe" with topics, or "ping".'
NO_SUCH_STREAM = Refusal(404, "There is no WebSocket at this path.", f"The stream is at {PATH}.")
router = APIRouter(tags=["stream"])


Queue = TypeVar("Queue", bound=EventQueue)


class Hub(Protocol[Queue]):
    """Where events come from; `adapters.events.hub.EventHub` is one."""

    @property
    def sequence(self) -> int:
        """The newest event's place in the stream."""
        ...

    def subscribe(self) -> Queue:
        """Return a new subscriber to all topics, from now on."""
        ...

    def add_topics(self, subscriber: Queue, topics: Collection[str], since: int | None = None) -> None:
        """Subscribe to more topics, and queue what was missed of them after event `since`."""
        ...

    def unsubscribe(self, subscriber: Queue) -> None:
        """Forget a subscriber."""
        ...

    def stats(self) -> Mapping[str, Any]:
        """Count connections, subscribers by topic, events sent and dropped."""
        ...


Topics = Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(min_length=1, max_length=64)]


class Subscribe(msgspec.Struct, tag_field="action", tag="subscribe", forbid_unknown_fields=True):
    """Subscribe to these topics (too); with `since`, also to what was missed of them after that event."""

    topics: Topics
    since: Annotated[int, msgspec.Meta(ge=0)] | Annotated[float, msgspec.Meta(ge=0)] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.since, float):  # JSON does not tell 1818.0 from 1818
            if not self.since.is_integer():
                raise ValueError("Expected a whole number - at `$.since`")
            self.since = int(self.since)


class Unsubscribe(msgspec.Struct, tag_field="action", tag="unsubscribe", forbid_unknown_fields=True):
    """Unsubscribe from these topics, named as they were subscribed to."""

    topics: Topics


class Ping(msgspec.Struct, tag_field="action", tag="ping", forbid_unknown_fields=True):
    """Ask for a pong."""


ClientMessage = Subscribe | Unsubscribe | Ping


class StreamMiddleware:
    """Serves the WebSocket before any route: each layer around `send` would be paid for by every message."""

    def __init__(self, app: ASGIApp, hub: Hub[Any]) -> None:
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Any) -> None:
        """Serve a client of the stream; pass anything else on."""
        if scope["type"] == "websocket" and scope["path"] == PATH:
            await serve(self._hub, receive, send, SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None)
        elif scope["type"] == "websocket":
            await refuse(NO_SUCH_STREAM, scope, receive, send)
        else:
            await self._app(scope, receive, send)


async def serve(hub: Hub[Queue], receive: Receive, send: Send, subprotocol: str | None = None) -> None:
    """Serve one client until it leaves: send it events, do what its messages say."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    subscriber = hub.subscribe()
    sender = WebSocketSender(send, subscriber)
    sending = asyncio.create_task(sender.send_events())
    try:
        while (received := await receive())["type"] != "websocket.disconnect":
            await _handle(received, sender, hub, subscriber)
    except OSError:  # the client left while it was answered
        pass
    finally:
        hub.unsubscribe(subscriber)
        sending.cancel()
        with suppress(asyncio.CancelledError, OSError, RuntimeError):
            await sending


@router.get("/ws/status")
async def stream_status(request: Request) -> StreamStatusAnswer:
    """Count connections, and events sent and dropped."""
    return StreamStatusAnswer.model_validate(request.app.state.hub.stats())


async def _handle(
    received: Mapping[str, Any], sender: WebSocketSender, hub: Hub[Queue], subscriber: Queue
) -> None:
    text = received.get("text") or received.get("bytes") or b""
    try:
        message = msgspec.json.decode(text, type=ClientMessage)
        if isinstance(message, Subscribe):
            _require_known(message.topics)
            hub.add_topics(subscriber, message.topics, None if message.since is None else int(message.since))
        elif isinstance(message, Unsubscribe):
            subscriber.remove(message.topics)
    except RequestError as error:
        await sender.send_message(type="error", detail=error.message, hint=error.hint)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        await sender.send_message(type="error", detail=plain_reason(error), hint=HINT)
    else:
        await _confirm(sender, message, hub.sequence)


async def _confirm(sender: WebSocketSender, message: ClientMessage, sequence: int) -> None:
    if isinstance(message, Ping):
        await sender.send_message(type="pong", seq=sequence)
    else:
        done = "subscribed" if isinstance(message, Subscribe) else "unsubscribed"
        await sender.send_message(type=done, topics=message.topics, seq=sequence)


def _require_known(patterns: Collection[str]) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(topic, pattern) for topic in TOPICS):
            raise RequestError(f"No topic matches {pattern}.", hint=f"Topics: {', '.join(TOPICS)}.")
