"""The stand-in broker's admin calls: drive its clock and prices, plan its faults, read its book."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.servers.alpaca_broker_book import Activity, Book, iso, order_json, text
from tests.servers.alpaca_broker_desk import Desk
from tests.servers.alpaca_broker_events import AccountEvents
from tests.servers.alpaca_broker_faults import FaultPlan, Scripted
from tests.servers.alpaca_broker_wire import activity_json
from tests.servers.alpaca_data import AlpacaData, trade_json
from tests.servers.local_http import Answer, Asked

DONE = Answer(body={"done": True})


def answer_admin(book: Book, data: AlpacaData, asked: Asked) -> Answer:
    """Do an admin call; what is wrong with it is told with a 400."""
    calls: dict[str, Callable[[Book, Any], Answer]] = {
        "book": lambda book, _: Answer(body=_book(book)),
        "tick": _tick,
        "faults": _faults,
        "calm": _calm,
        "split": _split,
        "cash": _cash,
        "event": _event,
        "order": lambda book, values: Desk(book).submit(values),
        "replace": _replace,
        "cancel": _cancel,
        "bars": lambda _, values: _bars(data, values),
        "settings": _settings,
    }
    name = asked.path.removeprefix("/admin/")
    if name not in calls:
        return Answer(status=404, body={"message": f"no such admin call: {name}"})
    try:
        return calls[name](book, asked.json)
    except (ValueError, KeyError, TypeError, AssertionError, ArithmeticError) as error:
        return Answer(status=400, body={"message": f"{type(error).__name__}: {error}"})


def snapshots(book: Book) -> dict[str, Any]:
    """Give the market data that the book's prices imply."""
    return {name: {"latestTrade": trade_json(float(price), iso(book.now))} for name, price in book.prices.items()}


def _book(book: Book) -> dict[str, Any]:
    activities = [activity_json(row) for row in book.activities]
    return {
        "now": iso(book.now),
        "is_open": book.is_open(),
        "ticks": book.ticks,
        "cash": text(book.cash),
        "equity": text(book.equity()),
        "prices": {name: text(price) for name, price in book.prices.items()},
        "positions": {name: text(held.quantity) for name, held in sorted(book.holdings.items())},
        "orders": [order_json(order, nested=True) for order in book.orders.values() if order.leg_of is None],
        "fills": [row for row in activities if row["activity_type"] == "FILL"],
        "activities": activities,
        "unlisted": sorted({row.fields["symbol"] for row in book.activities if _is_unlisted(book, row)}),
        "post_attempts": dict(book.post_attempts),
        "faults_drawn": dict(book.faults.drawn),
        "plan": book.faults.plan.as_json(),
    }


def _is_unlisted(book: Book, row: Activity) -> bool:
    return row.kind == "FILL" and row.listed_from > book.ticks


def _tick(book: Book, values: Any) -> Answer:
    now = datetime.fromisoformat(values["now"]) if "now" in values else None
    if "minutes" in values:
        now = book.now + timedelta(minutes=values["minutes"])
    prices = {name: Decimal(str(price)) for name, price in values.get("prices", {}).items()}
    Desk(book).tick(now, prices)
    return Answer(body={"now": iso(book.now), "is_open": book.is_open(), "ticks": book.ticks})


def _faults(book: Book, values: Any) -> Answer:
    if "plan" in values:
        book.faults.plan = FaultPlan.of(values["plan"])
    book.faults.scripted += [Scripted(**row) for row in values.get("next", ())]
    return DONE


def _calm(book: Book, _: Any) -> Answer:
    book.faults.plan = FaultPlan()
    book.faults.scripted.clear()
    for row in book.activities:
        row.listed_from = min(row.listed_from, book.ticks)
    return DONE


def _split(book: Book, values: Any) -> Answer:
    Desk(book).split(values["symbol"], Decimal(str(values["ratio"])))
    return DONE


def _cash(book: Book, values: Any) -> Answer:
    AccountEvents(book).cash(values["type"], Decimal(str(values["amount"])))
    return DONE


def _event(book: Book, values: Any) -> Answer:
    numbers = ("ratio", "each", "quantity", "amount")
    given = {name: Decimal(str(value)) if name in numbers else value for name, value in values.items()}
    getattr(AccountEvents(book), str(given.pop("event")))(**given)
    return DONE


def _replace(book: Book, values: Any) -> Answer:
    """Replace an order as a person does; he is too late where it has ended since he saw it."""
    order = book.orders[book.ids[values["client_order_id"]]]
    asked = {"qty": values["qty"], "client_order_id": values.get("new_client_order_id")}
    return Answer(body={"replaced": Desk(book).replace(order, asked).status == 200})


def _cancel(book: Book, values: Any) -> Answer:
    Desk(book).cancel(book.orders[book.ids[values["client_order_id"]]])
    return DONE


def _bars(data: AlpacaData, values: Any) -> Answer:
    data.bars = values
    return DONE


def _settings(book: Book, values: Any) -> Answer:
    for name in ("not_fractionable", "not_tradable"):
        if name in values:
            setattr(book, name, set(values[name]))
    book.slippage = Decimal(values.get("slippage", str(book.slippage)))
    for name in ("closed", "half_days"):
        if name in values:
            setattr(book, name, {date.fromisoformat(day) for day in values[name]})
    return DONE
