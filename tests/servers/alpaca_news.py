"""A local stand-in for Alpaca's news: pages by REST, and the stream over a websocket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgpack  # type: ignore[import-untyped]  # ships no types
from websockets.asyncio.server import ServerConnection, serve

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
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            world.asked.append(query)
            status, body = (200, _page(world, query)) if parts.path == "/v1beta1/news" else (404, {})
            if world.refusals:
                status, body = world.refusals.pop(0), {"message": "refused"}
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    world.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _page(world: AlpacaNewsWorld, query: dict[str, str]) -> Any:
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
