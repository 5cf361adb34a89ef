"""The event stream over a WebSocket: topics in, events out; a slow client loses its oldest, nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Annotated, Any, Protocol

import msgspec
from fastapi import APIRouter, Request
from starlette.types import ASGIApp, Receive, Scope

from api.schemas.daemon import StreamStatusAnswer
from api.stream.sender import Listening, Send, WebSocketSender
from core.errors import RequestError
from core.events import TOPICS

PATH = "/ws/stream"
SUBPROTOCOL = "trading-engine"  # what a browser offers beside its token, and is answered
MESSAGE_CHARACTERS_MAX = 64 * 1024
HINT = 'Send {"action":"subscribe","topics":["signal.*"]}, "unsubscribe" with topics, or "ping".'
router = APIRouter(tags=["stream"])


class Hub(Protocol):
    """Where events come from; `adapters.events.hub.EventHub` is one."""

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


class StreamMiddleware:
    """Serves the WebSocket before any route: each layer around `send` would be paid for by every message."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app = app
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Any) -> None:
        """Serve a client of the stream; pass anything else on."""
        if scope["type"] == "websocket" and scope["path"] == PATH:
            await serve(self._hub, receive, send, SUBPROTOCOL if SUBPROTOCOL in scope["subprotocols"] else None)
        else:
            await self._app(scope, receive, send)


async def serve(hub: Hub, receive: Receive, send: Send, subprotocol: str | None = None) -> None:
    """Serve one client until it leaves: deliver events, obey messages."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept", "subprotocol": subprotocol})
    listening = hub.subscribe()
    sender = WebSocketSender(send, listening)
    delivery = asyncio.create_task(sender.deliver())
    try:
        while (received := await receive())["type"] != "websocket.disconnect":
            await _obey(received, sender, hub, listening)
    except OSError:  # the client left while it was answered
        pass
    finally:
        listening.close()
        delivery.cancel()
        with suppress(asyncio.CancelledError, OSError, RuntimeError):
            await delivery


@router.get("/ws/status")
async def stream_status(request: Request) -> StreamStatusAnswer:
    """Count connections, and events sent and dropped."""
    return StreamStatusAnswer.model_validate(request.app.state.hub.stats())


async def _obey(received: Mapping[str, Any], sender: WebSocketSender, hub: Hub, listening: Listening) -> None:
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
        await sender.tell(type="error", detail=error.message, hint=error.hint)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        await sender.tell(type="error", detail=str(error), hint=HINT)
    else:
        await _confirm(sender, asked, hub.sequence)


async def _confirm(sender: WebSocketSender, asked: Asked, sequence: int) -> None:
    if isinstance(asked, Ping):
        await sender.tell(type="pong", seq=sequence)
    else:
        done = "subscribed" if isinstance(asked, Subscribe) else "unsubscribed"
        await sender.tell(type=done, topics=asked.topics, seq=sequence)


def _require_known(patterns: Collection[str]) -> None:
    for pattern in patterns:
        if not any(fnmatchcase(topic, pattern) for topic in TOPICS):
            raise RequestError(f"No topic matches {pattern}.", hint=f"Topics: {', '.join(TOPICS)}.")
