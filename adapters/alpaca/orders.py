"""Between Alpaca's JSON and our nouns: orders, fills, positions. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from adapters.alpaca.trading_client import JsonObject
from core.entry_terms import EntryTerms
from core.errors import BrokerError
from core.orders import FOREIGN
from core.plain_words import plain_reason
from core.service import OrderRecord
from core.trading import ZERO
from core.types import Fill, Order, OrderStatus, Portfolio, Position, Side

STATUSES: Mapping[str, OrderStatus] = {
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELLED,
    "replaced": OrderStatus.CANCELLED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
    "partially_filled": OrderStatus.PARTIALLY_FILLED,
}
"""All others (new, accepted, pending_*, held, suspended, stopped, ...) may still trade."""
DONE_FOR_DAY = frozenset({"done_for_day", "calculated"})
"""The last status that an order of one session may ever get."""
ONE_SESSION = frozenset({"day", "opg", "cls"})
DIGITS_MAX = 15
SIDES = frozenset(side.value for side in Side)
OPTION = re.compile(r"[A-Z]{1,6}\d{6}[CP]\d{8}")
"""As the OCC writes one: the underlying, the day it expires, call or put, the strike."""
SHARES_A_CONTRACT = 100
OCO = "oco"
ENDED = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})


UNREADABLE = (KeyError, ValueError, TypeError, AttributeError, ArithmeticError)
"""What reading an answer raises that is not as it should be."""


@contextmanager
def readable() -> Iterator[None]:
    """Turn what a strange answer breaks into a fault of the broker's: it is asked again, and halts nothing.

    Raises
    ------
    core.errors.BrokerError
        When a field is missing or is not what it should be.
    """
    try:
        yield
    except UNREADABLE as error:
        raise BrokerError(f"Alpaca's answer cannot be read: {plain_reason(error)}.") from error


def status_of(row: JsonObject) -> OrderStatus:
    """Give an order's status as ours."""
    status = str(row.get("status"))
    if status in DONE_FOR_DAY and row.get("time_in_force") in ONE_SESSION:
        return OrderStatus.FILLED if number(row, "filled_qty") >= number(row, "qty") else OrderStatus.EXPIRED
    return STATUSES.get(status, OrderStatus.SUBMITTED)


def request_of(order: Order, terms: EntryTerms) -> JsonObject:
    """Write an order as Alpaca takes it: for the day or the opening auction, at the market or up to a limit."""
    limit = terms.limit_price(order)
    return {
        "symbol": order.symbol,
        "qty": str(order.quantity),
        "side": order.side.value,
        "type": "market" if limit is None else "limit",
        "time_in_force": "opg" if terms.in_auction(order) else "day",
        "client_order_id": order.client_order_id,
        **({} if limit is None else {"limit_price": str(limit)}),
    }


def order_of(record: OrderRecord, quantity: Decimal) -> Order:
    """Give a recorded order with what is left of it."""
    return Order(
        client_order_id=record.client_order_id,
        decision_id=record.decision_id,
        symbol=record.symbol,
        side=record.side,
        quantity=quantity,
        reference_price=Decimal(record.reference_price),
        rule=record.rule,
    )


def fill_of(row: JsonObject, record: OrderRecord) -> Fill:
    """Read a FILL activity of an order of ours."""
    return Fill(
        fill_id=str(row["id"]),
        client_order_id=record.client_order_id,
        symbol=record.symbol,
        side=record.side,
        quantity=_traded(row["qty"]),
        price=_traded(row["price"]),
        fee=ZERO,
        at=timestamp(row["transaction_time"]),
        rule=record.rule,
    )


def foreign_fill(row: JsonObject) -> Fill | None:
    """Read a FILL activity of an order that is not ours; None for one that cannot be read: it holds up nobody.

    A contract of an option counts as the hundred shares that its price is of.
    """
    try:
        symbol, quantity, price = str(row["symbol"]), decimal_of(row["qty"]), decimal_of(row["price"])
        at = timestamp(row["transaction_time"])
        side = _side_of(row["side"])
    except UNREADABLE:
        return None
    if quantity <= 0 or price <= 0 or side is None:
        return None
    return Fill(
        fill_id=str(row["id"]),
        client_order_id="",
        symbol=symbol,
        side=side,
        quantity=quantity * (SHARES_A_CONTRACT if OPTION.fullmatch(symbol) else 1),
        price=price,
        fee=ZERO,
        at=at,
        rule=FOREIGN,
    )


def _side_of(text: Any) -> Side | None:
    """Read a side, of which Alpaca has more than two words (sell_short, buy_minus)."""
    return next((side for side in Side if str(text).startswith(side.value)), None)


def trades_shares(row: JsonObject) -> bool:
    """Tell whether an order buys or sells one symbol; a person's order of several options has neither side."""
    return bool(row.get("symbol")) and str(row.get("side")) in SIDES


def foreign_order(row: JsonObject) -> Order:
    """Read an open order that is not ours, with what is left of it."""
    return Order(
        client_order_id=str(row["client_order_id"]),
        decision_id="",
        symbol=str(row["symbol"]),
        side=Side(str(row["side"])),
        quantity=max(number(row, "qty") - number(row, "filled_qty"), ZERO),
        reference_price=number(row, "limit_price"),
        rule=FOREIGN,
    )


def shares_of(row: JsonObject) -> Decimal:
    """Read a position's shares; sold short they are negative."""
    shares = number(row, "qty")
    return -abs(shares) if row.get("side") == "short" else shares


def portfolio_of(account: JsonObject, positions: Iterable[JsonObject], pending: tuple[Order, ...]) -> Portfolio:
    """Give the account as a portfolio; since Alpaca names no entry times, the account's start stands in."""
    began = timestamp(account.get("created_at") or "1970-01-01")
    held = {row["symbol"]: _position(row, began) for row in positions}
    return Portfolio(cash=decimal_of(account["cash"]), positions=held, pending=pending)


def timestamp(text: Any) -> datetime:
    """Read a timestamp in ISO 8601, with up to nanoseconds, or a date; UTC where no zone is given."""
    at = datetime.fromisoformat(str(text))
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def number(row: JsonObject, name: str) -> Decimal:
    """Read a number that may be missing or null."""
    return decimal_of(row.get(name) or 0)


def decimal_of(value: Any) -> Decimal:
    """Read a number that an account can have.

    Raises
    ------
    ValueError
        For one that is none, is not finite, or has more digits than any money or shares.
    """
    found = Decimal(str(value))
    if not found.is_finite() or found.adjusted() > DIGITS_MAX or len(found.as_tuple().digits) > 2 * DIGITS_MAX:
        raise ValueError(f"{str(value)[:40]} is no number that an account can have")
    return found


def _traded(value: Any) -> Decimal:
    found = decimal_of(value)
    if found <= 0:
        raise ValueError(f"a fill of or at {found}")
    return found


def _position(row: JsonObject, began: datetime) -> Position:
    price = number(row, "current_price") or decimal_of(row["avg_entry_price"])
    return Position(
        symbol=row["symbol"],
        quantity=shares_of(row),
        average_price=decimal_of(row["avg_entry_price"]),
        entry_at=began,
        entry_session=began.date(),
        peak_price=price,
        last_price=price,
    )
