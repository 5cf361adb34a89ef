"""What holding the ledger against an Alpaca account adds to a step: processor time, and requests an hour.

`python benchmarks/bench_reconciliation.py [HOURS]`: a day of steps, one each minute, over 8 positions, with a
local server in Alpaca's place.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from adapters.alpaca.account_source import AlpacaAccount
from adapters.alpaca.activities import AccountActivities
from adapters.alpaca.capital import WHOLE_ACCOUNT
from adapters.alpaca.order_tracker import OrderTracker
from adapters.alpaca.trading_client import AlpacaApi, connect
from adapters.calendar import NyseCalendar
from adapters.ledger import SqliteLedger
from benchmarks.panels import random_panel
from config.environment import OrderRoute
from core.types import MarketView, Portfolio, Position
from pipeline.account_check import AccountCheck

STARTS = datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
SYMBOLS = tuple(f"S{n}" for n in range(8))
LIMIT_MS, LIMIT_REQUESTS = 5.0, 12
CASH, QUANTITY = "40000", "75"
ANSWERS = {
    "/v2/account": {"cash": CASH, "buying_power": CASH, "status": "ACTIVE"},
    "/v2/positions": [{"symbol": name, "qty": QUANTITY, "avg_entry_price": "100"} for name in SYMBOLS],
}
asked: Counter[str] = Counter()


class Account(BaseHTTPRequestHandler):
    """Answers as Alpaca would."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked[self.path] += 1
        body = json.dumps(ANSWERS[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Say nothing."""


def portfolio() -> Portfolio:
    """Return what the account has, as the ledger has it."""
    held = {
        name: Position(
            symbol=name, quantity=Decimal(QUANTITY), average_price=Decimal(100), entry_at=STARTS,
            entry_session=date(2024, 3, 1), peak_price=Decimal(100), last_price=Decimal(100),
        )
        for name in SYMBOLS
    }  # fmt: skip
    return Portfolio(cash=Decimal(CASH), positions=held)


def main(minutes: int) -> None:
    """Print the figures."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Account)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    api = AlpacaApi(connect("key", "secret", paper=True, timeout_seconds=5.0, url_override=url))
    ledger = SqliteLedger(None, route=OrderRoute.ALPACA_PAPER)
    tracker = OrderTracker(
        api=api, recorded=ledger.order, unfinished=ledger.unfinished_orders, calendar=NyseCalendar(), since=STARTS
    )
    activities = AccountActivities(ledger.portfolio, WHOLE_ACCOUNT, STARTS, ledger.cash_booked)
    check = AccountCheck(
        AlpacaAccount(api=api, tracker=tracker, activities=activities),
        ledger, tolerance_pct=0.005, person_pays_in=True, since=STARTS,
    )  # fmt: skip
    ours, bars = portfolio(), random_panel(7, 2, SYMBOLS)
    added: list[float] = []
    for minute in range(minutes):
        view = MarketView(as_of=STARTS + timedelta(minutes=minute), bars=bars)
        before = sum(asked.values())
        began = time.thread_time()
        check.check(ours, view)
        spent = time.thread_time() - began
        if sum(asked.values()) > before:
            added.append(spent * 1000)
    assert check.is_clean, check.last
    hours = minutes / 60
    found = {
        "checks": len(added),
        "added_ms_p50": round(float(np.median(added)), 2),
        "added_ms_p99": round(float(np.quantile(added, 0.99)), 2),
        "limit_ms": LIMIT_MS,
        "requests_an_hour": {path: round(count / hours, 1) for path, count in asked.items()},
        "limit_requests_an_hour": LIMIT_REQUESTS,
    }
    print(json.dumps(found))
    server.shutdown()


if __name__ == "__main__":
    main(60 * int(sys.argv[1]) if len(sys.argv) > 1 else 60 * 24)
