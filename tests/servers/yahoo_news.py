"""A local stand-in for Yahoo's news endpoint, and a requests.Session that leads the real yfinance to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from tests.servers.yahoo import _ToLocal


@dataclass
class YahooNewsWorld:
    """Items by ticker, and which tickers were asked for."""

    items: dict[str, list[Any]] = field(default_factory=dict)
    status: Callable[[str], int] = lambda symbol: 200
    body: bytes | None = None
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def session(self) -> requests.Session:
        session = requests.Session()
        session.mount("https://", _ToLocal(self.port))
        return session


def news_item(number: int, title: Any, at: str, tickers: tuple[str, ...] = ()) -> dict[str, Any]:
    finance = {"stockTickers": [{"symbol": name} for name in tickers]} if tickers else None
    content = {"title": title, "pubDate": at, "provider": {"displayName": "A Paper"}, "finance": finance}
    return {"id": str(number), "content": content}


@contextmanager
def yahoo_news_server(world: YahooNewsWorld) -> Iterator[YahooNewsWorld]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(404, b"{}")  # no cookies, no crumbs: yfinance goes on without

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            symbol = asked["serviceConfig"]["s"][0]
            world.asked.append(symbol)
            stream = {"data": {"tickerStream": {"stream": world.items.get(symbol, [])}}}
            self._answer(world.status(symbol), world.body or json.dumps(stream).encode())

        def _answer(self, status: int, payload: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    world.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
