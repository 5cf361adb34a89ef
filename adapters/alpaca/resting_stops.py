"""Stops that rest at Alpaca: what is held stays protected when our process, or our machine, is gone.

For the whole shares of each position one good-till-cancelled sale rests: an OCO of the target's limit and
the stop where both are set, else the stop alone. Alpaca takes fractions of a share in DAY orders only, so one is
bare over night, and the risk check's alone.

While shares are held back for a resting order no other order can sell them, and a buy of the same symbol could be
a wash trade: before an order of our own it is cancelled, and the end of its cancellation is waited for. At the
end of each step it is put back for what is left. Each time it gets a name of the decision that set its levels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_DOWN, Decimal
from typing import Protocol

import structlog

from adapters.alpaca.order_tracker import OrderTracker
from adapters.alpaca.orders import ENDED, readable
from adapters.alpaca.resting_prices import RestingPrices, resting_request
from adapters.alpaca.shares_there import shares_in_doubt
from adapters.alpaca.tracked_order import TrackedOrder
from adapters.alpaca.trading_client import AlpacaApi, RequestRefused, Unanswered
from core.brackets import Bracket
from core.errors import BrokerError
from core.ids import protective_order_id
from core.protection import PositionProtection
from core.times import market_date
from core.trading import ZERO
from core.types import Order, OrderStatus, Portfolio, Position, Side

RESTS_AT = "Alpaca"
RESTS = "resting"
log = structlog.get_logger("alpaca")


class StopLedger(Protocol):
    """What is written down of orders that protect."""

    def record_resting(self, orders: Sequence[Order], at: datetime) -> None:
        """Write down, before the send, orders that protect what is held."""
        ...

    def update_status(self, statuses: Mapping[str, str], reasons: Mapping[str, str] | None = None) -> None:
        """Write down what became of orders and why."""
        ...


@dataclass(kw_only=True)
class RestingStops:
    """Implements `core.protection.StopKeeper` on an Alpaca account.

    Parameters
    ----------
    move_ticks_max : int
        A level that moved by at most so many ticks is left where it rests.
    confirm_waits_seconds : sequence of float
        How long to wait before each further question whether a cancellation is done.
    """

    api: AlpacaApi
    tracker: OrderTracker
    ledger: StopLedger
    move_ticks_max: int = 5
    confirm_waits_seconds: Sequence[float] = (0.1, 0.2, 0.5, 1.0)
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sent: list[Order] = field(default_factory=list)
    _resting: dict[str, TrackedOrder] = field(default_factory=dict)
    _placed: list[Order] = field(default_factory=list)
    _selling: dict[str, Decimal] = field(default_factory=dict)
    _reasons: dict[str, str] = field(default_factory=dict)
    _refused_beside: dict[str, tuple[date, frozenset[str]]] = field(default_factory=dict)
    _there: Mapping[str, Decimal] = field(default_factory=dict)

    def take_up(self) -> None:
        """Begin a step with what the tracker has just found."""
        self._resting = dict(self.tracker.resting)
        self.sent.clear()
        self._placed.clear()

    def lift(self, symbols: Sequence[str]) -> Mapping[str, str]:
        """Cancel what rests in these symbols; give, by symbol, why it may still be there where that is so.

        Beside an open buy of a person's it is left: Alpaca would refuse the sale, and then the stop.
        """
        lifted = [symbol for symbol in dict.fromkeys(symbols) if not self._foreign_buys(symbol)]
        held_up = {symbol: self._lift(symbol) for symbol in lifted}
        return {symbol: reason for symbol, reason in held_up.items() if reason}

    @readable()
    def rest(self, brackets: Sequence[Bracket], portfolio: Portfolio, at: datetime) -> None:
        """Let the stops and targets of what is held rest, and no others.

        Raises
        ------
        core.errors.BrokerError
            When Alpaca does not answer; what was not done is done in the next step.
        """
        self.ledger.update_status({name: status.value for name, status in self.tracker.ended.items()})
        self.tracker.ended = {}
        self._reasons.clear()
        self._selling.clear()
        self._there = shares_in_doubt(self.api, self.tracker, portfolio.positions)
        by_symbol = {bracket.symbol: bracket for bracket in brackets if bracket.symbol in portfolio.positions}
        for symbol in sorted({*by_symbol, *(str(order.row["symbol"]) for order in self._resting.values())}):
            self._rest(symbol, by_symbol.get(symbol), portfolio.positions.get(symbol), at)

    @readable()
    def protection(self, portfolio: Portfolio) -> Mapping[str, PositionProtection]:
        """Return where each position's stop rests, as of the last `rest`."""
        return {symbol: self._protection(symbol, held) for symbol, held in portfolio.positions.items()}

    def resting_orders(self) -> tuple[Order, ...]:
        """Return what rests, with the quantity left; what was placed in this step may have filled."""
        fresh = {order.client_order_id for order in self._placed}
        return (
            *self._placed,
            *(
                Order(
                    client_order_id=name,
                    decision_id="",
                    symbol=str(order.row["symbol"]),
                    side=Side.SELL,
                    quantity=order.left,
                    reference_price=max(filter(None, (prices.stop, prices.target))),
                    rule=RESTS,
                )
                for name, order in self._resting.items()
                if name not in fresh and (prices := RestingPrices.of_order(order))
            ),
        )

    def _rest(self, symbol: str, bracket: Bracket | None, held: Position | None, at: datetime) -> None:
        current, surplus = self._in(symbol)[:1], self._in(symbol)[1:]
        prices = RestingPrices.of(bracket.levels(held.average_price)) if bracket and held else None
        quantity = self._coverable(symbol, held)
        if prices is None and held is not None:
            self._reasons[symbol] = "no stop is set for it (risk_check)"
        keeps = [
            (name, order)
            for name, order in current
            if prices is not None
            and order.left == quantity
            # beside a person's buy a stop that is lifted cannot be put back: an old level is better than none
            and (RestingPrices.of_order(order).is_near(prices, self.move_ticks_max) or self._foreign_buys(symbol))
        ]
        for name, order in [*surplus, *(one for one in current if one not in keeps)]:
            reason = self._cancelled(name, order)
            if reason:
                self._reasons[symbol] = reason
                return
        if bracket is None or held is None or prices is None or not quantity or keeps:
            return
        if self._is_refused_beside(symbol, at):
            self._reasons[symbol] = "a buy of it that is not the engine's is open; Alpaca takes no stop beside it"
        elif self.tracker.recorded(protective_order_id(bracket.decision_id, symbol)) is not None:
            # two starts at one moment are one decision: no order is sent twice, the next step has another name
            self._reasons[symbol] = "this decision has placed it before; the next one does so anew"
        else:
            self._place(bracket, quantity, prices, bracket.levels(held.average_price).stop_rule or "", at)

    def _coverable(self, symbol: str, held: Position | None) -> Decimal:
        """Give the whole shares that no order under way concerns."""
        if held is None:
            return ZERO
        coming = [order for order in self._under_way() if order.symbol == symbol]
        buys = [order for order in coming if order.side is Side.BUY]
        if buys:
            self._reasons[symbol] = "a buy of it is still open, and both at once could be a wash trade"
            self._end_stale(buys)
            return ZERO
        selling = self._selling[symbol] = sum((order.quantity for order in coming), ZERO)
        there = self._there.get(symbol, held.quantity)
        if there < held.quantity:
            self._reasons[symbol] = "the account holds fewer shares of it while the answer to an order is owed"
        quantity = max(min(held.quantity - selling, there), ZERO).to_integral_value(ROUND_DOWN)
        if symbol not in self._reasons and not selling and quantity < held.quantity:
            self._reasons[symbol] = "Alpaca lets no fraction of a share rest"
        return quantity

    def _foreign_buys(self, symbol: str) -> frozenset[str]:
        """Give the ids of the open buys of a symbol that somebody else placed."""
        return frozenset(
            str(row["id"])
            for row in self.tracker.foreign
            if row["symbol"] == symbol and row["side"] == Side.BUY.value
        )

    def _is_refused_beside(self, symbol: str, at: datetime) -> bool:
        """Tell whether a stop was refused in this session beside the foreign buys that are still open."""
        buys = self._foreign_buys(symbol)
        return bool(buys) and self._refused_beside.get(symbol) == (market_date(at), buys)

    def _end_stale(self, buys: Sequence[Order]) -> None:
        """Cancel buys of an earlier step that have filled in part: what is held comes first."""
        fresh = {order.client_order_id for order in self.sent}
        for name in (order.client_order_id for order in buys if order.client_order_id not in fresh):
            found = self.tracker.find(name)
            if found is not None and found.left:
                self.api.delete_order(str(found.row["id"]))

    def _under_way(self) -> list[Order]:
        """List the orders of ours that trade or have fills to come; a doubt holds no protection up."""
        listed = {order.client_order_id: order for order in self.tracker.pending}
        return [o for name, o in listed.items() if name not in self.tracker.doubts] + [
            order for order in self.sent if order.client_order_id not in listed
        ]

    def _place(self, bracket: Bracket, quantity: Decimal, prices: RestingPrices, rule: str, at: datetime) -> None:
        symbol = bracket.symbol
        order = Order(
            client_order_id=protective_order_id(bracket.decision_id, symbol),
            decision_id=bracket.decision_id,
            symbol=symbol,
            side=Side.SELL,
            quantity=quantity,
            reference_price=prices.stop,
            rule=rule,
        )
        self.ledger.record_resting([order], at)
        self._placed.append(order)
        found, refusal = self._sent(order, prices)
        if found is not None:
            self._resting[order.client_order_id] = found
            self.ledger.update_status({order.client_order_id: OrderStatus.SUBMITTED.value})
        elif refusal:
            self._placed.remove(order)
            self._refused_beside[symbol] = (market_date(at), self._foreign_buys(symbol))
            self.ledger.update_status(
                {order.client_order_id: OrderStatus.REJECTED.value}, {order.client_order_id: f"broker: {refusal}"}
            )
        if found is None:
            self._reasons[symbol] = refusal or "Alpaca did not answer when it was placed"
            log.warning("stop.not_placed", symbol=symbol, reason=self._reasons[symbol])

    def _sent(self, order: Order, prices: RestingPrices) -> tuple[TrackedOrder | None, str]:
        """Send an order once; give what Alpaca has of it, or why it refused."""
        try:
            row = self.api.post_order(resting_request(order, prices))
        except RequestRefused as refused:
            found = self.tracker.find(order.client_order_id)
            return found, "" if found is not None else str(refused)
        except Unanswered:
            return self.tracker.find(order.client_order_id), ""
        return self.tracker.noted(order.client_order_id, row), ""

    def _lift(self, symbol: str) -> str:
        for name, order in self._in(symbol):
            reason = self._cancelled(name, order)
            if reason:
                return reason
        return ""

    def _cancelled(self, name: str, order: TrackedOrder) -> str:
        """Cancel a resting order and wait for its end; give why it may still be there, empty when it is not."""
        try:
            self.api.delete_order(str(order.row["id"]))
            for wait_seconds in (0.0, *self.confirm_waits_seconds):
                if wait_seconds:
                    self.sleep(wait_seconds)
                found = self.tracker.find(name)
                if found is not None and found.status in ENDED:
                    del self._resting[name]
                    if not found.filled:  # else its fills are booked first
                        self.ledger.update_status({name: found.status.value}, {name: "lifted by the engine"})
                    return ""
        except BrokerError as error:
            return f"Alpaca did not answer when its resting stop was lifted: {error}"
        return "Alpaca has not confirmed yet that its resting stop is cancelled"

    def _in(self, symbol: str) -> list[tuple[str, TrackedOrder]]:
        return [(name, order) for name, order in self._resting.items() if order.row["symbol"] == symbol]

    def _protection(self, symbol: str, held: Position) -> PositionProtection:
        name, order = next(iter(self._in(symbol)), ("", None))
        covered = min(order.left, held.quantity) if order is not None else ZERO
        prices = RestingPrices.of_order(order) if order is not None else None
        bare = max(held.quantity - covered - self._selling.get(symbol, ZERO), ZERO)
        return PositionProtection(
            rests_at=RESTS_AT if order is not None else "",
            quantity=covered,
            bare_quantity=bare,
            bare_reason=self._reasons.get(symbol, "it is placed with the next step") if bare else "",
            stop_price=prices.stop if prices else None,
            target_price=prices.target if prices else None,
            client_order_id=name or None,
        )
