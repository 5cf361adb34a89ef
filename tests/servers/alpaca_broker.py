"""A stand-in for Alpaca's trading API that keeps its own book, with faults from one seed.

alpaca-py works on it unmodified: `TradingClient("key", "secret", url_override=URL)` and
`TradingStream("key", "secret", url_override="ws" + URL[4:] + "/stream")`. One port serves the trading REST, the
trade_updates stream (`/stream`), the market data the book's prices imply (`/v2/stocks/snapshots`, and the bars
given by `/admin/bars` on `/v2/stocks/bars`), and the admin calls below, to which no fault ever happens.

In a process of its own (prints one JSON line with its url and pid, ends on SIGTERM or when stdin closes)::

    python -m tests.servers.alpaca_broker --seed 7 --now 2024-05-06T09:00:00-04:00 --cash 100000 \
        --plan '{"error_after": 0.1, "partial": 0.5}' --prices '{"AAPL": "180.5"}'

In this process: `with alpaca_broker_server(AlpacaBroker(seed=7, now=...)) as broker:` then `broker.url`,
`broker.book` (hold `broker.book.lock`), `broker.faults`. `BrokerAdmin(url)` wraps the admin calls.

Admin calls (JSON in and out; numbers may be numbers or strings; money and quantities come back as strings)
-----------
GET  /admin/book      {"now", "is_open", "ticks", "cash", "equity", "prices": {symbol: price},
                      "positions": {symbol: quantity}, "orders": [Alpaca's order JSON, oldest first],
                      "fills": [every fill, listed or not yet: Alpaca's activity JSON], "activities": [all kinds],
                      "post_attempts": {client_order_id: POSTs received, refused ones too},
                      "faults_drawn": {name: count}, "plan": {...}}
POST /admin/tick      {"now": ISO?, "minutes": N?, "prices": {symbol: price}?}   sets prices, moves the clock
                      forward and lets open orders trade; a "tick" is one such call. Orders expire at the close.
POST /admin/faults    {"plan": {FaultPlan's names}?, "next": [{"request": "POST /v2/orders", "fault": NAME,
                      "count": 1}]?}   the plan is replaced; scripted faults come first, in their order
POST /admin/calm      {}   no faults from here on, scripted ones dropped, late activities listed now
POST /admin/split     {"symbol", "ratio"}   4 is a four-for-one, 0.1 a one-for-ten; give it between sessions
POST /admin/cash      {"type": "FEE", "amount": -0.5}
POST /admin/event     {"event": NAME, ...}   a method of `AccountEvents` with its arguments: dividend,
                      stock_dividend, merger, rename, spin_off, transfer_shares, lose_shares, block
POST /admin/order     Alpaca's order body: an order somebody places by hand; answers as POST /v2/orders
POST /admin/replace   {"client_order_id", "qty", "new_client_order_id"?}
POST /admin/bars      {symbol: [Alpaca's bars]}
GET  /admin/conformance  {"compared": {"requests", "answers"}, "faults": {text: count}}: what is not as Alpaca's
                      OpenAPI documents have it; nothing where those are absent
POST /admin/settings  {"not_fractionable": [...]?, "not_tradable": [...]?, "closed": [dates]?, "half_days": [..]?,
                       "slippage": "0.0025"?}  how much worse than the market orders trade, as a fraction

How orders fill. Market, limit and stop orders, and OCO groups of a limit and a stop that sell; DAY, GTC, OPG.
With an empty plan an order fills whole inside its POST when the market is
open, else at the first tick within the next session: at the price of then, 2 bps worse
(`slippage`). `FaultPlan`
(`alpaca_broker_faults.py`) lists all faults with their meaning. An order's fate depends on the seed and its
client_order_id; a request's on the seed and on how many requests of the same method and path came before.

Two orders of one client_order_id cannot be: the second is refused with 422 and code 40010001.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from tests.servers.alpaca_broker_admin import answer_admin, snapshots
from tests.servers.alpaca_broker_book import Book
from tests.servers.alpaca_broker_faults import FaultPlan, Faults
from tests.servers.alpaca_broker_stream import Stream
from tests.servers.alpaca_broker_wire import answer_trading
from tests.servers.alpaca_data import AlpacaData, answer_data
from tests.servers.alpaca_documents import Conformance, conformance
from tests.servers.local_http import Answer, Asked, Outcome, Upgrade, local_server

MONDAY = datetime(2024, 5, 6, 13, 0, tzinfo=UTC)
KEY, SECRET = "key", "secret"


@dataclass
class AlpacaBroker:
    """The broker: its book, its faults, and where it listens once it is served."""

    seed: int = 0
    plan: FaultPlan = field(default_factory=FaultPlan)
    now: datetime = MONDAY
    cash: Decimal = Decimal(100_000)
    prices: dict[str, Decimal] = field(default_factory=dict)
    data: AlpacaData = field(default_factory=AlpacaData)
    conformance: Conformance | None = field(default_factory=conformance)
    url: str = ""
    asked: list[tuple[datetime, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.faults = Faults(self.seed, self.plan)
        self.book = Book(
            faults=self.faults, now=self.now, cash=self.cash, prices=dict(self.prices), last_equity=self.cash
        )
        self.ended = threading.Event()
        self._stream = Stream(self.book, KEY, SECRET, self.ended)

    @property
    def stream_url(self) -> str:
        return f"ws{self.url.removeprefix('http')}/stream"

    def answer(self, asked: Asked) -> Outcome:
        """Answer a request; what is asked and answered is held against Alpaca's documents."""
        if asked.path == "/admin/conformance":
            return Answer(body=self._conformance_json())
        if asked.path.startswith("/admin/"):
            with self.book.lock:
                return answer_admin(self.book, self.data, asked)
        if asked.path == "/stream":
            return Upgrade(self._stream.talk)
        self.asked.append((self.book.now, asked.path))
        outcome = self._answer(asked)
        if self.conformance is not None:
            self.conformance.compare(asked, outcome)
        return outcome

    def _conformance_json(self) -> dict[str, Any]:
        known = self.conformance
        return {
            "compared": dict(known.compared) if known else {},
            "faults": dict(known.faults) if known else {},
        }

    def _answer(self, asked: Asked) -> Outcome:
        given = (asked.headers.get("apca-api-key-id"), asked.headers.get("apca-api-secret-key"))
        if given != (KEY, SECRET):
            return Answer(status=401, body={"message": "unauthorized."})
        if asked.path.startswith("/v2/stocks/"):
            with self.book.lock:
                self.data.snapshots = snapshots(self.book)
                return answer_data(self.data, asked)
        return answer_trading(self.book, asked)


@contextmanager
def alpaca_broker_server(broker: AlpacaBroker, port: int = 0) -> Iterator[AlpacaBroker]:
    """Serve a broker from threads of this process."""
    with local_server(broker.answer, port) as bound:
        broker.url = f"http://127.0.0.1:{bound}"
        try:
            yield broker
            assert broker.conformance is None or not broker.conformance.faults, broker.conformance.faults
        finally:
            broker.ended.set()


class BrokerAdmin:
    """The admin calls of a broker that runs anywhere."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30)

    def book(self) -> Any:
        return self._done(self._http.get("/admin/book"))

    def conformance(self) -> Any:
        return self._done(self._http.get("/admin/conformance"))

    def call(self, name: str, **values: Any) -> Any:
        return self._done(self._http.post(f"/admin/{name}", json=values))

    def close(self) -> None:
        self._http.close()

    def _done(self, answer: httpx.Response) -> Any:
        assert answer.is_success, f"{answer.url}: {answer.status_code} {answer.text}"
        return answer.json()


def main() -> None:
    parser = argparse.ArgumentParser(description="A stand-in for Alpaca's trading API.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--now", type=datetime.fromisoformat, default=MONDAY)
    parser.add_argument("--cash", type=Decimal, default=Decimal(100_000))
    parser.add_argument("--plan", type=json.loads, default={})
    parser.add_argument("--prices", type=json.loads, default={})
    asked = parser.parse_args()
    broker = AlpacaBroker(
        seed=asked.seed,
        plan=FaultPlan.of(asked.plan),
        now=asked.now.astimezone(UTC),
        cash=asked.cash,
        prices={name: Decimal(str(price)) for name, price in asked.prices.items()},
    )
    with alpaca_broker_server(broker, asked.port):
        print(json.dumps({"url": broker.url, "stream_url": broker.stream_url, "pid": os.getpid()}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
