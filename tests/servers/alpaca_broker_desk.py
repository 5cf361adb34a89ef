"""What happens to orders at the stand-in broker: they are checked, they fill, they end; splits; cash."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from random import Random
from typing import Any

from core.times import NEW_YORK
from tests.servers.alpaca_broker_book import (
    SHARE,
    ZERO,
    Book,
    BrokerOrder,
    order_json,
    text,
    uuid,
)
from tests.servers.alpaca_broker_terms import ill_formed_reason, price_in
from tests.servers.local_http import Answer

CLOSED_BY = ("trading_blocked", "account_blocked", "trade_suspended_by_user")
CANCELLING = "pending_cancel"


@dataclass(frozen=True)
class Desk:
    """Works on a book; every method expects the book's lock to be held."""

    book: Book

    def submit(self, asked: dict[str, Any], fault: str = "") -> Answer:
        """Take or refuse an order; each client_order_id is taken once."""
        book = self.book
        if any(book.account_flags.get(name) for name in CLOSED_BY):
            return refusal(403, 40310000, "account is not allowed to trade")
        name = str(asked.get("client_order_id") or uuid(book.faults.dice("client id")))
        book.post_attempts[name] += 1
        if name in book.ids:
            return refusal(422, 40010001, "client_order_id must be unique")
        if fault == "reject_insufficient":
            return refusal(403, 40310000, "insufficient buying power", buying_power="0", cost_basis="1")
        if fault == "reject_unprocessable":
            return refusal(422, 42210000, "the order cannot be processed")
        refused = self._refused(asked)
        if refused:
            return refused
        dice = Random(f"{book.faults.seed}:order:{name}")
        order = self._taken(asked, name, dice)
        book.tell("new", order)
        self._work(order)
        return Answer(body=order_json(order, nested=True))

    def tick(self, now: datetime | None, prices: dict[str, Decimal]) -> None:
        """Move the clock and the prices on; open orders trade, and end with their session."""
        book = self.book
        before = book.today()
        book.prices.update(prices)
        if now is not None:
            assert now >= book.now, "the stand-in's clock goes forward only"
            book.now = now
        book.ticks += 1
        if book.today() != before:
            book.last_equity = book.equity()
        for order in [order for order in book.orders.values() if order.open]:
            if order.status == CANCELLING:
                self._end_group(order, "canceled")
            elif self._is_over(order):
                book.end(order, "expired")
            else:
                self._work(order)
        arrived = [asked for due, asked in book.late if due <= book.ticks]
        book.late = [(due, asked) for due, asked in book.late if due > book.ticks]
        for asked in arrived:
            self.submit(asked)
        book.release_events()

    def cancel(self, order: BrokerOrder) -> Answer:
        """Cancel an order, and with it the whole of its group; a slow cancellation is done by the next tick."""
        order = order.leg_of if order.leg_of is not None and order.leg_of.open else order
        if not order.open:
            return refusal(422, 42210000, f'order is already in "{order.status}" state')
        if order.status == CANCELLING:
            return Answer(status=204)
        if self.book.faults.happens("slow_cancel", self.book.faults.dice(f"cancel {order.client_order_id}")):
            order.status = CANCELLING
        else:
            self._end_group(order, "canceled")
        return Answer(status=204)

    def _end_group(self, order: BrokerOrder, status: str) -> None:
        self.book.end(order, status)
        for leg in order.legs:
            if leg.status == "held":
                self.book.end(leg, "canceled")

    def replace(self, order: BrokerOrder, asked: dict[str, Any]) -> Answer:
        """Put another order in the place of an open one; what was filled of the old one stays there."""
        if not order.open:
            return refusal(422, 42210000, f'order is already in "{order.status}" state')
        left = Decimal(str(asked.get("qty", order.quantity))) - order.filled
        name = str(asked.get("client_order_id") or uuid(self.book.faults.dice("client id")))
        dice = Random(f"{self.book.faults.seed}:order:{name}")
        new = self._taken({**order_json(order), **_group(order), "qty": text(left)}, name, dice)
        new.replaces, order.replaced_by = order.order_id, new.order_id
        self._end_group(order, "replaced")
        self.book.tell("new", new)
        return Answer(body=order_json(new))

    def split(self, symbol: str, ratio: Decimal) -> None:
        """Split a stock: `ratio` new shares for each old one; its open orders are cancelled."""
        book = self.book
        for order in [o for o in book.orders.values() if o.open and o.symbol == symbol]:
            self._end_group(order, "canceled")
        book.prices[symbol] = book.prices[symbol] / ratio
        holding = book.holdings.get(symbol)
        if holding is not None:
            new = (holding.quantity * ratio).quantize(SHARE, ROUND_DOWN)
            change, holding.quantity = new - holding.quantity, new
            book.other_activity("SPLIT", symbol=symbol, qty=text(change), net_amount="0", per_share_amount="0")

    def _is_over(self, order: BrokerOrder) -> bool:
        if order.time_in_force == "gtc":
            return False
        hours = self.book.hours(order.live_on)
        return hours is not None and self.book.now >= hours[1]

    def _taken(self, asked: dict[str, Any], name: str, dice: Random) -> BrokerOrder:
        book = self.book
        hours = book.hours(book.today())
        opens = hours[0] if book.is_open() and hours else book.next_session(opens_after=book.now)[0]
        order = BrokerOrder(
            order_id=str(uuid(dice)),
            client_order_id=name,
            symbol=asked["symbol"],
            side=asked["side"],
            quantity=Decimal(str(asked["qty"])),
            time_in_force=asked["time_in_force"],
            created_at=book.now,
            updated_at=book.now,
            live_on=opens.astimezone(NEW_YORK).date(),
            status="new" if book.is_open() else "accepted",
            kind=asked["type"],
            limit_price=price_in(asked, "limit_price") or price_in(asked.get("take_profit"), "limit_price"),
            stop_price=price_in(asked, "stop_price"),
            order_class=str(asked.get("order_class") or ""),
        )
        self._plan(order, dice)
        book.orders[order.order_id] = order
        book.ids[name] = order.order_id
        if order.order_class == "oco":
            self._add_leg(order, price_in(asked["stop_loss"], "stop_price"), dice)
        return order

    def _add_leg(self, order: BrokerOrder, stop_price: Decimal | None, dice: Random) -> None:
        """Hold the stop of an OCO beside its limit order, under a name of the broker's own."""
        leg = replace(
            order, order_id=str(uuid(dice)), client_order_id=str(uuid(dice)), kind="stop", limit_price=None,
            stop_price=stop_price, status="held", leg_of=order, legs=[], parts=list(order.parts),
        )  # fmt: skip
        order.legs.append(leg)
        self.book.orders[leg.order_id] = leg
        self.book.ids[leg.client_order_id] = leg.order_id

    def _plan(self, order: BrokerOrder, dice: Random) -> None:
        """Draw how an order will fill."""
        faults = self.book.faults
        order.doomed = faults.happens("rejected_later", dice)
        order.wait_ticks = 1 if order.doomed else 0
        if faults.happens("unfilled", dice):
            return
        if faults.happens("partial", dice):
            order.parts = _parts(order.quantity, dice)
            order.same_instant = faults.happens("same_instant", dice)
        else:
            order.parts = [order.quantity]
        if faults.happens("waits", dice):
            order.wait_ticks = dice.randint(1, 3)

    def _work(self, order: BrokerOrder) -> None:
        """Trade what is due of an order, when the market is open and its price is reached."""
        book = self.book
        if not book.is_open() or book.today() < order.live_on:
            return
        leg = next((leg for leg in order.legs if leg.status == "held"), None)
        if leg is not None and self._reached(leg):
            leg.parts, leg.quantity = [order.left], order.left
            book.end(order, "canceled")
            leg.status = "new"
            book.tell("new", leg)
            order = leg
        if order.filled == 0 and not self._reached(order):
            return
        if order.wait_ticks:
            order.wait_ticks -= 1
            return
        if order.doomed:
            self._end_group(order, "rejected")
            return
        dice = book.faults.dice(f"fill {order.client_order_id}")
        due = list(order.parts) if order.same_instant else order.parts[:1]
        order.parts = order.parts[len(due) :]
        for quantity in due:
            book.fill(order, quantity, dice)
        if leg is not None and leg.status == "held":
            self._shrink(order, leg)
        if order.time_in_force == "opg" and order.open:
            book.end(order, "canceled")

    def _shrink(self, order: BrokerOrder, leg: BrokerOrder) -> None:
        """Let a held stop cover only what its limit order has left to sell."""
        if order.left:
            leg.quantity = order.left
        else:
            self.book.end(leg, "canceled")

    def _reached(self, order: BrokerOrder) -> bool:
        """Tell whether the price is where an order trades: at any for a market order."""
        price = self.book.prices[order.symbol]
        if order.leg_of is not None and order.open:
            return True
        if order.stop_price is not None:
            return price <= order.stop_price if order.side == "sell" else price >= order.stop_price
        if order.limit_price is not None:
            return price >= order.limit_price if order.side == "sell" else price <= order.limit_price
        return True

    def _refused(self, asked: dict[str, Any]) -> Answer | None:
        """Check an order as Alpaca does; None when it may stand."""
        book, symbol, side = self.book, str(asked.get("symbol")), asked.get("side")
        quantity = Decimal(str(asked.get("qty") or 0))
        if symbol not in book.prices or symbol in book.not_tradable:
            return refusal(422, 42210000, f"asset {symbol} is not found, or not tradable")
        if quantity <= 0 or side not in ("buy", "sell"):
            return refusal(422, 42210000, "qty must be positive, side buy or sell")
        ill_formed = ill_formed_reason(asked, self.book.now)
        if ill_formed:
            return refusal(422, 42210000, ill_formed)
        if quantity != quantity.to_integral_value():
            if symbol in book.not_fractionable:
                return refusal(403, 40310000, f'asset "{symbol}" is not fractionable')
            if asked.get("time_in_force") != "day":
                return refusal(422, 42210000, "fractional orders must be DAY orders")
        return self._conflict(symbol, str(side)) or self._uncovered(symbol, str(side), quantity)

    def _conflict(self, symbol: str, side: str) -> Answer | None:
        for order in self.book.orders.values():
            if order.open and order.symbol == symbol and order.side != side:
                return refusal(
                    403, 40310000, "potential wash trade detected. use complex orders",
                    existing_order_id=order.order_id,
                    reject_reason="opposite side market/stop order exists",
                )  # fmt: skip
        return None

    def _uncovered(self, symbol: str, side: str, quantity: Decimal) -> Answer | None:
        book = self.book
        if side == "sell":
            held = book.holdings[symbol].quantity if symbol in book.holdings else ZERO
            kept = book.selling(symbol)
            if quantity > held - kept:
                free = text(held - kept)
                return refusal(
                    403, 40310000,
                    f"insufficient qty available for order (requested: {text(quantity)}, available: {free})",
                    available=free, existing_qty=text(held), held_for_orders=text(kept), symbol=symbol,
                )  # fmt: skip
            return None
        cost, power = quantity * book.prices[symbol], book.buying_power()
        if cost <= power:
            return None
        return refusal(
            403, 40310000, "insufficient buying power", buying_power=text(power), cost_basis=text(cost)
        )


def _group(order: BrokerOrder) -> dict[str, Any]:
    """Give what makes an order a group, as it was asked for."""
    if not order.legs:
        return {}
    stop, limit = order.legs[0].stop_price, order.limit_price
    return {"take_profit": {"limit_price": limit}, "stop_loss": {"stop_price": stop}}


def refusal(status: int, code: int, message: str, **more: Any) -> Answer:
    """Refuse as Alpaca does."""
    return Answer(status=status, body={"code": code, "message": message, **more})


def _parts(quantity: Decimal, dice: Random) -> list[Decimal]:
    """Cut a quantity into two to four parts that sum to it."""
    unit = Decimal(1) if quantity == quantity.to_integral_value() and quantity >= 4 else SHARE
    parts, left = [], quantity
    for _ in range(dice.randint(1, 3)):
        part = (left * Decimal(dice.randint(20, 70)) / 100).quantize(unit, ROUND_DOWN)
        if 0 < part < left:
            parts.append(part)
            left -= part
    return [*parts, left]
