"""The stand-in broker's REST: Alpaca's trading API on top of the book, and the fault that each request meets."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from core.times import NEW_YORK
from tests.servers.alpaca_broker_book import (
    ZERO,
    Activity,
    Book,
    Holding,
    asset_id,
    iso,
    order_json,
    text,
)
from tests.servers.alpaca_broker_desk import Desk, refusal
from tests.servers.alpaca_broker_faults import REFUSALS
from tests.servers.local_http import Answer, Asked, Cut, Hold, Outcome

SERVER_ERRORS = (500, 502, 503, 504)
CALENDAR_DAYS_MAX = 370


def answer_trading(book: Book, asked: Asked) -> Outcome:
    """Answer a request of the trading API, or let its fault happen."""
    with book.lock:
        fault, dice = book.faults.of_request(asked.method, asked.path)
        waits = dice.randint(0, book.faults.plan.latency_ms_max) / 1000
    before = waits if dice.random() < 0.5 else 0.0
    _wait(before)
    outcome = _with_fault(book, asked, fault, dice)
    _wait(waits - before)
    return outcome


def _wait(seconds: float) -> None:
    """Sleep where there is something to wait for: even a sleep of nothing gives the processor away."""
    if seconds:
        time.sleep(seconds)


def _with_fault(book: Book, asked: Asked, fault: str, dice: Random) -> Outcome:
    done = None
    if not fault or fault in REFUSALS or fault.endswith("_after"):
        with book.lock:
            done = _route(book, asked, fault)
    if fault == "arrives_late":
        with book.lock:
            book.late.append((book.ticks + dice.randint(1, book.faults.plan.late_ticks_max), asked.json))
        return Cut()
    if fault == "rate_limited":
        after = {"Retry-After": str(book.faults.plan.retry_after_seconds)}
        return Answer(status=429, body={"code": 42910000, "message": "rate limit exceeded"}, headers=after)
    if fault.startswith("error_"):
        return Answer(status=dice.choice(SERVER_ERRORS), body={"code": 50010000, "message": "internal error"})
    if fault.startswith("half_open_"):
        return Hold()
    return Cut() if fault.startswith("drop_") or done is None else done


def _route(book: Book, asked: Asked, fault: str) -> Answer:
    method, path = asked.method, asked.path.removeprefix("/v2")
    if path == "/orders" and method == "POST":
        return Desk(book).submit(asked.json, fault if fault in REFUSALS else "")
    if path.startswith("/orders/"):
        return _one_order(book, asked, path.removeprefix("/orders/"))
    if path.startswith("/account/activities"):
        return Answer(body=_activities(book, asked, path.removeprefix("/account/activities").strip("/")))
    if path.startswith("/assets/"):
        return _asset(book, path.removeprefix("/assets/"))
    if path == "/orders:by_client_order_id":
        order = book.find(asked.query.get("client_order_id", ""))
        return Answer(body=order_json(order)) if order else _missing("order not found")
    return _read(book, asked, path)


def _read(book: Book, asked: Asked, path: str) -> Answer:
    routes: dict[str, Callable[[], Any]] = {
        "/account": lambda: _account(book),
        "/clock": lambda: _clock(book),
        "/calendar": lambda: _calendar(book, asked),
        "/positions": lambda: [_position(book, name, held) for name, held in sorted(book.holdings.items())],
        "/orders": lambda: _orders(book, asked),
        "/assets": lambda: [_asset(book, name).body for name in sorted(book.prices)],
    }
    routes |= {f"/positions/{name}": partial(_position, book, name, held) for name, held in book.holdings.items()}
    return Answer(body=routes[path]()) if path in routes else _missing("no such thing")


def _missing(message: str) -> Answer:
    return refusal(404, 40410000, message)


def _one_order(book: Book, asked: Asked, order_id: str) -> Answer:
    order = book.orders.get(order_id)
    if order is None:
        return _missing(f"order not found for {order_id}")
    if asked.method == "DELETE":
        return Desk(book).cancel(order)
    if asked.method == "PATCH":
        return Desk(book).replace(order, asked.json)
    return Answer(body=order_json(order, nested=asked.query.get("nested") == "true"))


def _orders(book: Book, asked: Asked) -> list[dict[str, Any]]:
    status, limit = asked.query.get("status", "open"), int(asked.query.get("limit", 50))
    after, until = (asked.query.get(name) for name in ("after", "until"))
    rows = [
        order for order in book.orders.values()
        if (status == "all" or order.open == (status == "open"))
        and (not after or order.created_at > datetime.fromisoformat(after))
        and (not until or order.created_at <= datetime.fromisoformat(until))
        and ("symbols" not in asked.query or order.symbol in asked.query["symbols"].split(","))
    ]  # fmt: skip
    rows = rows if asked.query.get("direction") == "asc" else rows[::-1]
    nested = asked.query.get("nested") == "true"
    rows = [order for order in rows if not nested or order.leg_of is None]
    return [order_json(order, nested=nested) for order in rows[: min(limit, 500)]]


def _activities(book: Book, asked: Asked, kind: str) -> list[dict[str, Any]]:
    """List activities by their ids: those of one millisecond come in no order of their own."""
    query = asked.query
    kinds = {kind} if kind else set(query["activity_types"].split(",")) if "activity_types" in query else set()
    after = datetime.fromisoformat(query["after"]) if "after" in query else None
    rows = [
        row for row in book.activities
        if row.listed_from <= book.ticks and (not kinds or row.kind in kinds) and (not after or row.at > after)
    ]  # fmt: skip
    ascending = query.get("direction") == "asc"
    rows.sort(key=lambda row: row.activity_id, reverse=not ascending)
    token = query.get("page_token")
    if token:
        rows = [row for row in rows if (row.activity_id > token if ascending else row.activity_id < token)]
    return [activity_json(row) for row in rows[: min(int(query.get("page_size", 100)), 100)]]


def activity_json(row: Activity) -> dict[str, Any]:
    when = {"transaction_time": iso(row.at)} if row.kind == "FILL" else {}
    return {"id": row.activity_id, "activity_type": row.kind, **when, **row.fields}


def _account(book: Book) -> dict[str, Any]:
    cash, equity, power = text(book.cash), text(book.equity()), text(book.buying_power())
    return {
        "id": str(asset_id("the account")), "account_number": "PA0000000000", "status": "ACTIVE",
        "crypto_status": "INACTIVE", "currency": "USD", "cash": cash, "buying_power": power,
        "regt_buying_power": power, "non_marginable_buying_power": power, "accrued_fees": "0",
        "portfolio_value": equity, "equity": equity, "last_equity": text(book.last_equity),
        "long_market_value": text(book.equity() - book.cash), "short_market_value": "0", "initial_margin": "0",
        "maintenance_margin": "0", "last_maintenance_margin": "0", "multiplier": "1", "sma": "0",
        "trading_blocked": False, "transfers_blocked": False, "account_blocked": False,
        "trade_suspended_by_user": False, "shorting_enabled": False, "created_at": "2024-01-02T14:30:00Z",
        **book.account_flags,
    }  # fmt: skip


def _position(book: Book, symbol: str, held: Holding) -> dict[str, Any]:
    price, value = book.prices[symbol], held.quantity * book.prices[symbol]
    profit = value - held.cost
    return {
        "asset_id": str(asset_id(symbol)), "symbol": symbol, "exchange": "NASDAQ", "asset_class": "us_equity",
        "asset_marginable": False, "qty": text(held.quantity),
        "qty_available": text(held.quantity - book.selling(symbol)), "side": "long",
        "avg_entry_price": text((held.cost / held.quantity).quantize(Decimal("0.000001"))),
        "market_value": text(value), "cost_basis": text(held.cost), "unrealized_pl": text(profit),
        "unrealized_plpc": text(profit / held.cost if held.cost else ZERO), "unrealized_intraday_pl": "0",
        "unrealized_intraday_plpc": "0", "current_price": text(price), "lastday_price": text(price),
        "change_today": "0",
    }  # fmt: skip


def _asset(book: Book, symbol: str) -> Answer:
    if symbol not in book.prices:
        return _missing(f"asset not found for {symbol}")
    return Answer(body={
        "id": str(asset_id(symbol)), "class": "us_equity", "exchange": "NASDAQ", "symbol": symbol,
        "name": symbol, "status": "active", "tradable": symbol not in book.not_tradable, "marginable": False,
        "shortable": False, "easy_to_borrow": False, "fractionable": symbol not in book.not_fractionable,
    })  # fmt: skip


def _clock(book: Book) -> dict[str, Any]:
    opens = book.next_session(opens_after=book.now)
    today = book.hours(book.today())
    closes = today[1] if book.is_open() and today else opens[1]
    stamps = (at.astimezone(NEW_YORK).isoformat() for at in (book.now, opens[0], closes))
    return {**dict(zip(("timestamp", "next_open", "next_close"), stamps, strict=True)), "is_open": book.is_open()}


def _calendar(book: Book, asked: Asked) -> list[dict[str, str]]:
    start = date.fromisoformat(asked.query["start"]) if "start" in asked.query else book.today()
    end = date.fromisoformat(asked.query["end"]) if "end" in asked.query else start + timedelta(days=30)
    out = []
    for day in (start + timedelta(days=n) for n in range(min((end - start).days + 1, CALENDAR_DAYS_MAX))):
        if hours := book.hours(day):
            first, last = (f"{at.astimezone(NEW_YORK):%H:%M}" for at in hours)
            out.append({
                "date": day.isoformat(), "open": first, "close": last, "session_open": "0400",
                "session_close": "2000", "settlement_date": (day + timedelta(days=1)).isoformat(),
            })  # fmt: skip
    return out
