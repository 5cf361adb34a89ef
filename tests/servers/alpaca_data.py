"""A local stand-in for Alpaca's market data API: bars in pages, snapshots, refusals."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Bar = dict[str, Any]


@dataclass
class AlpacaData:
    """What the server knows and what it was asked; `refusals` are answered first, one a request."""

    bars: dict[str, list[Bar]] = field(default_factory=dict)
    snapshots: dict[str, Any] = field(default_factory=dict)
    refusals: list[int] = field(default_factory=list)
    bars_a_page: int = 1000
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""


def bar(day: str, close: float) -> Bar:
    return {
        "t": f"{day}T05:00:00Z",
        "o": close - 1,
        "h": close + 1,
        "l": close - 2,
        "c": close,
        "v": 1000,
        "n": 10,
        "vw": 1.0,
    }


@contextmanager
def alpaca_data_server(alpaca: AlpacaData) -> Iterator[AlpacaData]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = _answer(alpaca, self.path)
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    alpaca.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield alpaca
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(alpaca: AlpacaData, path: str) -> tuple[int, Any]:
    parts = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    alpaca.asked.append((parts.path, query))
    if alpaca.refusals:
        return alpaca.refusals.pop(0), {"message": "refused"}
    if parts.path == "/v2/stocks/snapshots":
        return 200, {name: alpaca.snapshots.get(name) for name in query["symbols"].split(",")}
    if parts.path == "/v2/stocks/bars":
        return 200, _page(alpaca, query)
    return 404, {"message": "no such path"}


def _page(alpaca: AlpacaData, query: dict[str, str]) -> Any:
    first, last = query["start"][:10], query["end"][:10]
    rows = [
        (name, row)
        for name in query["symbols"].split(",")
        for row in alpaca.bars.get(name, [])
        if first <= row["t"][:10] <= last
    ]
    begin = int(query.get("page_token", 0))
    end = begin + alpaca.bars_a_page
    bars: dict[str, list[Bar]] = {}
    for name, row in rows[begin:end]:
        bars.setdefault(name, []).append(row)
    return {"bars": bars, "next_page_token": str(end) if end < len(rows) else None}
