"""A local stand-in for Yahoo's news endpoint, and a requests.Session that leads the real yfinance to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.servers.local_http import Answer, Asked, local_server
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
    def answer(asked: Asked) -> Answer:
        if asked.method == "GET":
            return Answer(status=404, body={})  # no cookies, no crumbs: yfinance goes on without
        symbol = asked.json["serviceConfig"]["s"][0]
        world.asked.append(symbol)
        stream = {"data": {"tickerStream": {"stream": world.items.get(symbol, [])}}}
        return Answer(status=world.status(symbol), body=world.body or stream)

    with local_server(answer) as port:
        world.port = port
        yield world
