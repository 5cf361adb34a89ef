"""A local stand-in for Alpaca's market data API: bars in pages, snapshots, refusals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.servers.alpaca_documents import Conformance, conformance
from tests.servers.local_http import Answer, Asked, local_server

Bar = dict[str, Any]


@dataclass
class AlpacaData:
    """What the server knows and what it was asked; `refusals` are answered first, one a request.

    A test that answers what Alpaca would not sets `conformance` to None.
    """

    bars: dict[str, list[Bar]] = field(default_factory=dict)
    snapshots: dict[str, Any] = field(default_factory=dict)
    refusals: list[int] = field(default_factory=list)
    bars_a_page: int = 1000
    conformance: Conformance | None = field(default_factory=conformance)
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


def quote_json(bid: float, ask: float, at: str) -> dict[str, Any]:
    """Give the best bid and ask as Alpaca writes them; a side without an order is 0."""
    return {"t": at, "bp": bid, "ap": ask, "bs": 1, "as": 2, "bx": "V", "ax": "V", "c": ["R"], "z": "C"}


def trade_json(price: float, at: str) -> dict[str, Any]:
    """Give a trade as Alpaca writes it."""
    return {"p": price, "t": at, "i": 1, "x": "V", "s": 100, "c": ["@"], "z": "C"}


@contextmanager
def alpaca_data_server(alpaca: AlpacaData) -> Iterator[AlpacaData]:
    def answer(asked: Asked) -> Answer:
        outcome = answer_data(alpaca, asked)
        if alpaca.conformance is not None:
            alpaca.conformance.compare(asked, outcome)
        return outcome

    with local_server(answer) as port:
        alpaca.url = f"http://127.0.0.1:{port}"
        yield alpaca
        assert alpaca.conformance is None or not alpaca.conformance.faults, alpaca.conformance.faults


def answer_data(alpaca: AlpacaData, asked: Asked) -> Answer:
    alpaca.asked.append((asked.path, dict(asked.query)))
    if alpaca.refusals:
        return Answer(status=alpaca.refusals.pop(0), body={"message": "refused"})
    if asked.path == "/v2/stocks/snapshots":
        wanted = asked.query["symbols"].split(",")
        return Answer(body={name: alpaca.snapshots[name] for name in wanted if name in alpaca.snapshots})
    if asked.path == "/v2/stocks/bars":
        return Answer(body=_page(alpaca, asked.query))
    return Answer(status=404, body={"message": "no such path"})


def _page(alpaca: AlpacaData, query: Mapping[str, str]) -> Any:
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
