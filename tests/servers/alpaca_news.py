"""A local stand-in for Alpaca's news: pages by REST, and the stream over a websocket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no types
from websockets.asyncio.server import ServerConnection, serve

from tests.servers.local_http import Answer, Asked, local_server

Article = dict[str, Any]


@dataclass
class AlpacaNewsWorld:
    """What the server knows and what it was asked; `refusals` are answered first, one a request."""

    articles: list[Article] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    body: Any = None
    a_page: int = 50
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


def article(number: int, headline: Any, at: str, symbols: list[str], updated: str = "") -> Article:
    return {
        "id": number, "headline": headline, "author": "A. Writer", "created_at": at, "updated_at": updated or at,
        "summary": "", "content": "", "url": None, "symbols": symbols, "source": "benzinga", "images": [],
    }  # fmt: skip


@contextmanager
def alpaca_news_server(world: AlpacaNewsWorld) -> Iterator[AlpacaNewsWorld]:
    def answer(asked: Asked) -> Answer:
        world.asked.append(dict(asked.query))
        if world.refusals:
            return Answer(status=world.refusals.pop(0), body={"message": "refused"})
        if asked.path != "/v1beta1/news":
            return Answer(status=404, body={})
        return Answer(body=_page(world, asked.query))

    with local_server(answer) as port:
        world.url = f"http://127.0.0.1:{port}"
        yield world


def _page(world: AlpacaNewsWorld, query: Mapping[str, str]) -> Any:
    if world.body is not None:
        return world.body
    wanted = set(query["symbols"].split(","))
    first, last = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
    rows = [a for a in world.articles if wanted & set(a["symbols"]) and first <= _at(a) <= last]
    begin = int(query.get("page_token", 0))
    end = begin + world.a_page
    return {"news": rows[begin:end], "next_page_token": str(end) if end < len(rows) else None}


def _at(row: Article) -> datetime:
    return datetime.fromisoformat(row["updated_at"])


@contextmanager
def alpaca_news_stream(articles: list[Article]) -> Iterator[str]:
    """Speak the stream's protocol: connected, authenticated, subscribed, then the articles."""
    ready, ended = threading.Event(), threading.Event()
    port: list[int] = []

    async def talk(client: ServerConnection) -> None:
        await client.send(msgpack.packb([{"T": "success", "msg": "connected"}]))
        assert msgpack.unpackb(await client.recv())["key"] == "key"
        await client.send(msgpack.packb([{"T": "success", "msg": "authenticated"}]))
        wanted = msgpack.unpackb(b"".join([chunk async for chunk in _message(client)]))["news"]
        await client.send(msgpack.packb([{"T": "subscription", "news": wanted}]))
        for row in articles:
            stamped = {**row, "T": "n", **{name: _stamp(row[name]) for name in ("created_at", "updated_at")}}
            await client.send(msgpack.packb([stamped], datetime=True))
        await client.wait_closed()

    async def run() -> None:
        async with serve(talk, "127.0.0.1", 0) as server:
            port.append(next(iter(server.sockets)).getsockname()[1])
            ready.set()
            while not ended.is_set():  # set from the test's thread
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(5)
    try:
        yield f"ws://127.0.0.1:{port[0]}"
    finally:
        ended.set()
        thread.join(5)


async def _message(client: ServerConnection) -> Any:
    yield await client.recv()


def _stamp(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
