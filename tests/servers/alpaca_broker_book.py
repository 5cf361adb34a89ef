"""The stand-in broker's own book: orders, fills, positions, cash, and what it tells its streams."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from typing import Any
from uuid import UUID

from core.times import NEW_YORK
from tests.servers.alpaca_broker_faults import Faults

ZERO, CENT, TICK, SHARE = Decimal(0), Decimal("0.01"), Decimal("0.0001"), Decimal("0.000001")
OPEN = ("accepted", "new", "partially_filled", "pending_cancel")


@dataclass(kw_only=True)
class BrokerOrder:
    """An order as the broker keeps it; `parts` are the fills still to come, one a tick.

    The stop of an OCO is a leg: held, and in nobody's way, until it is reached.
    """

    order_id: str
    client_order_id: str
    symbol: str
    side: str
    quantity: Decimal
    time_in_force: str
    created_at: datetime
    updated_at: datetime
    live_on: date
    status: str = "accepted"
    filled: Decimal = ZERO
    value: Decimal = ZERO
    parts: list[Decimal] = field(default_factory=list)
    doomed: bool = False
    wait_ticks: int = 0
    same_instant: bool = False
    replaces: str | None = None
    replaced_by: str | None = None
    ended_at: datetime | None = None
    kind: str = "market"
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    order_class: str = ""
    legs: list[BrokerOrder] = field(default_factory=list)
    leg_of: BrokerOrder | None = None

    @property
    def open(self) -> bool:
        return self.status in OPEN

    @property
    def left(self) -> Decimal:
        return self.quantity - self.filled


@dataclass(kw_only=True)
class Activity:
    """A fill, a split or a cash movement, listed from the tick `listed_from` on."""

    activity_id: str
    kind: str
    at: datetime
    listed_from: int
    fields: dict[str, Any]


@dataclass(kw_only=True)
class Holding:
    quantity: Decimal = ZERO
    cost: Decimal = ZERO


@dataclass(kw_only=True)
class Book:
    """All that the broker knows.

    Attributes
    ----------
    late : list of (int, dict)
        POSTs on their way: the tick they arrive in, and what they ask.
    post_attempts : Counter
        How often each client_order_id was POSTed, accepted or not.
    not_fractionable, not_tradable : set of str
        Every other symbol with a price is tradable in fractions.
    closed, half_days : set of date
        Weekdays without a session; sessions that end at 13:00.
    """

    faults: Faults
    now: datetime
    cash: Decimal = Decimal(100_000)
    prices: dict[str, Decimal] = field(default_factory=dict)
    orders: dict[str, BrokerOrder] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    held_back: list[dict[str, Any]] = field(default_factory=list)
    late: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    post_attempts: Counter[str] = field(default_factory=Counter)
    not_fractionable: set[str] = field(default_factory=set)
    not_tradable: set[str] = field(default_factory=set)
    closed: set[date] = field(default_factory=set)
    half_days: set[date] = field(default_factory=set)
    last_equity: Decimal = Decimal(100_000)
    account_flags: dict[str, Any] = field(default_factory=dict)
    slippage: Decimal = Decimal("0.0002")
    ticks: int = 0
    lock: threading.Condition = field(default_factory=threading.Condition)

    def hours(self, day: date) -> tuple[datetime, datetime] | None:
        """Give a day's session, aware UTC; None when there is none."""
        if day.weekday() >= 5 or day in self.closed:
            return None
        ends = time(13) if day in self.half_days else time(16)
        first, last = (datetime.combine(day, at, NEW_YORK).astimezone(UTC) for at in (time(9, 30), ends))
        return first, last

    def today(self) -> date:
        return self.now.astimezone(NEW_YORK).date()

    def is_open(self) -> bool:
        hours = self.hours(self.today())
        return hours is not None and hours[0] <= self.now < hours[1]

    def next_session(self, *, opens_after: datetime) -> tuple[datetime, datetime]:
        """Give the first session that opens later than a moment."""
        day = opens_after.astimezone(NEW_YORK).date()
        while (hours := self.hours(day)) is None or hours[0] <= opens_after:
            day += timedelta(days=1)
        return hours

    def equity(self) -> Decimal:
        return self.cash + sum((h.quantity * self.prices[s] for s, h in self.holdings.items()), ZERO)

    def selling(self, symbol: str) -> Decimal:
        """Give the shares held back for open sells."""
        rows = (o for o in self.orders.values() if o.open and o.symbol == symbol and o.side == "sell")
        return sum((order.left for order in rows), ZERO)

    def buying_power(self) -> Decimal:
        """Give cash less what open buys may cost: a cash account."""
        buys = (o for o in self.orders.values() if o.open and o.side == "buy")
        return max(self.cash - sum((o.left * self.prices[o.symbol] for o in buys), ZERO), ZERO)

    def find(self, client_order_id: str) -> BrokerOrder | None:
        return self.orders.get(self.ids.get(client_order_id, ""))

    def traded_price(self, order: BrokerOrder) -> Decimal:
        """Give the price of now, worse by the slippage, but never beyond an order's limit."""
        buys, limit = order.side == "buy", order.limit_price
        worse = 1 + self.slippage if buys else 1 - self.slippage
        price = (self.prices[order.symbol] * worse).quantize(TICK, ROUND_HALF_EVEN)
        if limit is None:
            return price
        return min(price, limit) if buys else max(price, limit)

    def fill(self, order: BrokerOrder, quantity: Decimal, dice: Random) -> None:
        """Trade a part of an order at the price of now."""
        price = self.traded_price(order)
        order.filled += quantity
        order.value += quantity * price
        order.status = "partially_filled" if order.left else "filled"
        order.updated_at = self.now
        if not order.left:
            order.ended_at = self.now
        self._book(order, quantity, price)
        lag = dice.randint(1, 3) if self.faults.happens("late_activity", dice) else 0
        execution = str(uuid(dice))
        self.activities.append(Activity(
            activity_id=f"{_compact(self.now)}::{execution}", kind="FILL", at=self.now,
            listed_from=self.ticks + lag,
            fields={
                "order_id": order.order_id, "symbol": order.symbol, "side": order.side, "qty": text(quantity),
                "price": text(price), "cum_qty": text(order.filled), "leaves_qty": text(order.left),
                "type": "partial_fill" if order.left else "fill", "order_status": order.status,
            },
        ))  # fmt: skip
        self.tell("partial_fill" if order.left else "fill", order, quantity, price, execution, dice)

    def _book(self, order: BrokerOrder, quantity: Decimal, price: Decimal) -> None:
        """Move cash and shares; cash to the cent, once a fill."""
        value = (quantity * price).quantize(CENT, ROUND_HALF_EVEN)
        holding = self.holdings.setdefault(order.symbol, Holding())
        if order.side == "buy":
            self.cash -= value
            holding.quantity += quantity
            holding.cost += quantity * price
        else:
            self.cash += value
            kept = holding.quantity - quantity
            holding.cost = holding.cost * kept / holding.quantity
            holding.quantity = kept
        assert holding.quantity >= 0, f"the stand-in sold more {order.symbol} than it holds"
        if not holding.quantity:
            del self.holdings[order.symbol]

    def end(self, order: BrokerOrder, status: str) -> None:
        """Close an order that is not filled."""
        order.status, order.ended_at, order.updated_at, order.parts = status, self.now, self.now, []
        self.tell(status, order, dice=self.faults.dice(f"end {order.client_order_id}"))

    def tell(  # an event's fields, named as the vendor names them
        self,
        event: str,
        order: BrokerOrder,
        quantity: Decimal = ZERO,
        price: Decimal = ZERO,
        execution: str | None = None,
        dice: Random | None = None,
    ) -> None:
        """Queue a stream event, as the plan has it: once, twice, never, or behind the next."""
        dice = dice or self.faults.dice(f"event {order.client_order_id}")
        row: dict[str, Any] = {"event": event, "order": order_json(order), "timestamp": iso(self.now)}
        row["execution_id"] = execution or str(uuid(dice))
        if quantity:
            held = self.holdings[order.symbol].quantity if order.symbol in self.holdings else ZERO
            row |= {"qty": text(quantity), "price": text(price), "position_qty": text(held)}
        if self.faults.happens("lost_event", dice):
            return
        if not self.held_back and self.faults.happens("shuffled_events", dice):
            self.held_back.append(row)
            return
        self.events.append(row)
        if self.faults.happens("duplicate_event", dice):
            self.events.append(row)
        self.release_events()

    def release_events(self) -> None:
        """Send the event that was held back, and wake the streams."""
        self.events += self.held_back
        self.held_back.clear()
        self.lock.notify_all()

    def other_activity(self, kind: str, **fields_: Any) -> None:
        """List a split or a cash movement."""
        dice = self.faults.dice(f"activity {kind}")
        self.activities.append(Activity(
            activity_id=f"{_compact(self.now)}::{uuid(dice)}", kind=kind, at=self.now,
            listed_from=self.ticks,
            fields={
                "date": self.today().isoformat(), "created_at": iso(self.now), "status": "executed", **fields_,
            },
        ))  # fmt: skip


def order_json(order: BrokerOrder, *, nested: bool = False) -> dict[str, Any]:
    """Give an order as Alpaca's REST writes it; `nested` with its legs."""
    ended = iso(order.ended_at) if order.ended_at else None
    legs = [order_json(leg) for leg in order.legs] if nested and order.legs else None
    return {
        "id": order.order_id, "client_order_id": order.client_order_id, "created_at": iso(order.created_at),
        "updated_at": iso(order.updated_at), "submitted_at": iso(order.created_at),
        "filled_at": ended if order.status == "filled" else None,
        "expired_at": ended if order.status == "expired" else None,
        "canceled_at": ended if order.status == "canceled" else None,
        "failed_at": ended if order.status == "rejected" else None,
        "replaced_at": ended if order.status == "replaced" else None,
        "replaced_by": order.replaced_by, "replaces": order.replaces,
        "asset_id": str(asset_id(order.symbol)), "symbol": order.symbol, "asset_class": "us_equity",
        "notional": None, "qty": text(order.quantity), "filled_qty": text(order.filled),
        "filled_avg_price": text((order.value / order.filled).quantize(SHARE)) if order.filled else None,
        "order_class": order.order_class, "order_type": order.kind, "type": order.kind, "side": order.side,
        "time_in_force": order.time_in_force, "limit_price": _price(order.limit_price),
        "stop_price": _price(order.stop_price),
        "status": order.status, "extended_hours": False, "legs": legs, "trail_percent": None,
        "trail_price": None, "hwm": None, "subtag": None, "source": None,
    }  # fmt: skip


def _price(price: Decimal | None) -> str | None:
    return None if price is None else text(price)


def text(number: Decimal) -> str:
    """Write a number as Alpaca does: no exponent, no trailing zeros."""
    plain = f"{number:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def uuid(dice: Random) -> UUID:
    return UUID(int=dice.getrandbits(128), version=4)


def asset_id(symbol: str) -> UUID:
    return uuid(Random(f"asset {symbol}"))


def _compact(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S") + f"{at.microsecond // 1000:03d}"
