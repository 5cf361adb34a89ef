"""The paper broker's dealing desk: trades open orders on what the market showed after they were sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import cast

import numpy as np

from adapters.brokers.bar_fills import Bar, affordable, fee, first_triggered, protection, traded_price
from adapters.brokers.hours import opening
from adapters.brokers.paper_book import PaperBook
from adapters.brokers.paper_store import Changes, PaperOrder
from config.trading import BrokerSettings
from core.times import market_date
from core.types import BarPanel, Fill, MarketView, Order, OrderStatus, Side

SHORTFALL_PCT_MAX = Decimal("0.05")
ONE_DAY = timedelta(days=1)
Look = Callable[[PaperOrder], tuple[Bar, datetime] | None]


class PaperDesk:
    """Open orders, the book, and the rules of trading one against the other.

    Attributes
    ----------
    open : dict of str to PaperOrder
        Orders that may still trade, in the order they came.
    changes : Changes
        What was changed since it was last taken.
    """

    def __init__(self, costs: BrokerSettings, book: PaperBook, orders: dict[str, PaperOrder]) -> None:
        self.book = book
        self.open = orders
        self.changes = Changes()
        self._costs = costs

    def match(self, view: MarketView) -> None:
        """Trade on the sessions that became known, then on the quotes; on an untrusted feed on nothing."""
        if view.feed_fault:
            return
        first = np.datetime64(min(kept.session_from for kept in self.open.values()), "D")
        start = int(np.searchsorted(view.bars.sessions.astype("datetime64[D]"), first))
        for row in range(start, len(view.bars.sessions)):
            self._match_session(view, row)
        if view.market_open:
            self._match_quotes(view)
        self._cancel_orphans()

    def put(self, kept: PaperOrder) -> None:
        """Keep an order, open or not."""
        name = kept.order.client_order_id
        self.changes.orders[name] = kept
        if kept.status is OrderStatus.SUBMITTED:
            self.open[name] = kept
        else:
            self.open.pop(name, None)

    def _match_session(self, view: MarketView, row: int) -> None:
        session = session_date(view.bars.sessions[row])
        known_at = _utc(view.bars, row)
        opens_at = min(opening(session), known_at)

        def look(kept: PaperOrder) -> tuple[Bar, datetime] | None:
            bar = _bar(view, row, kept.order.symbol)
            return (bar, opens_at) if bar.traded and kept.session_from <= session else None

        due = [kept for kept in self.open.values() if kept.session_from <= session]
        self._trade_market(due, look)
        for kept in due:
            if kept.order.trigger_price is None and kept.order.client_order_id in self.open:
                self._finish(kept, OrderStatus.EXPIRED, f"no price to trust in the session {session}")
        since_open = [k for k in self._holding(due) if self.book.holdings[k.order.symbol].entry_at <= opens_at]
        self._trade_resting(since_open, look, known_at)
        for kept in due:
            if kept.order.client_order_id in self.open:
                self.put(replace(kept, session_from=session + ONE_DAY))

    def _match_quotes(self, view: MarketView) -> None:
        opens_at = opening(market_date(view.as_of))

        def look(kept: PaperOrder) -> tuple[Bar, datetime] | None:
            quote = view.quotes.get(kept.order.symbol)
            if quote is None or quote.symbol in view.stale or quote.at < opens_at:
                return None
            bar = Bar(open=quote.price, high=quote.price, low=quote.price)
            return (bar, quote.at) if bar.traded and quote.at > kept.submitted_at else None

        self._trade_market(list(self.open.values()), look)
        self._trade_resting(self._holding(self.open.values()), look, view.as_of)

    def _holding(self, orders: Iterable[PaperOrder]) -> list[PaperOrder]:
        return [kept for kept in orders if kept.order.symbol in self.book.holdings]

    def _trade_market(self, orders: Iterable[PaperOrder], look: Look) -> None:
        """Trade orders without a trigger at the price shown first, sells before buys."""
        market = [kept for kept in orders if kept.order.trigger_price is None]
        for kept in sorted(market, key=lambda kept: kept.order.side is Side.BUY):
            seen = look(kept)
            if seen is not None:
                bar, at = seen
                trade = self._buy if kept.order.side is Side.BUY else self._sell
                trade(kept, bar.open, at)

    def _trade_resting(self, orders: Iterable[PaperOrder], look: Look, until: datetime) -> None:
        """Trade protective orders; the hour within a bar is unknown, so it is taken to be its end."""
        by_symbol: dict[str, list[PaperOrder]] = {}
        for kept in orders:
            if kept.order.trigger_price is not None:
                by_symbol.setdefault(kept.order.symbol, []).append(kept)
        for resting in by_symbol.values():
            seen = [(kept.order, shown) for kept in resting if (shown := look(kept)) is not None]
            if seen:
                bar, at = seen[0][1]
                self._protect([order for order, _ in seen], bar, at, until)

    def _protect(self, orders: list[Order], bar: Bar, at: datetime, until: datetime) -> None:
        """Trade one symbol's protective orders on one bar; a stop and a target cancel each other."""
        while hit := first_triggered([order for order in orders if order.client_order_id in self.open], bar):
            order, price = hit
            self._sell(self.open[order.client_order_id], price, at if price == bar.open else until)
            for other in orders:
                kept = self.open.get(other.client_order_id)
                if kept is not None and protection(other) is not protection(order):
                    self._finish(kept, OrderStatus.CANCELLED, f"{order.client_order_id} was hit first")

    def _buy(self, kept: PaperOrder, price: float, at: datetime) -> None:
        paid = traded_price(price, Side.BUY, self._costs)
        wanted = kept.order.quantity
        quantity = min(wanted, affordable(self.book.cash, paid, self._costs))
        if quantity <= 0 or quantity < wanted * (1 - SHORTFALL_PCT_MAX):
            reason = f"{wanted} shares at {paid} USD cost more than the {self.book.cash} USD of cash"
            self._finish(kept, OrderStatus.REJECTED, reason)
        else:
            self._fill(kept, quantity, paid, at)

    def _sell(self, kept: PaperOrder, price: float, at: datetime) -> None:
        quantity = min(kept.order.quantity, self.book.held(kept.order.symbol))
        if quantity <= 0:
            self._finish(kept, OrderStatus.CANCELLED, "the position is gone")
            return
        self._fill(kept, quantity, traded_price(price, Side.SELL, self._costs), at)
        if not self.book.held(kept.order.symbol):
            self._cancel_resting(kept.order.symbol)

    def _fill(self, kept: PaperOrder, quantity: Decimal, price: Decimal, at: datetime) -> None:
        order = kept.order
        fill = Fill(
            fill_id=f"{order.client_order_id}-1",
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            quantity=quantity,
            price=price,
            fee=fee(quantity, price, self._costs),
            at=at,
        )
        self.book.book(fill)
        self.changes.fills.append(fill)
        if quantity == order.quantity:
            self._finish(kept, OrderStatus.FILLED, "")
        else:
            self._finish(
                kept, OrderStatus.CANCELLED, f"{quantity} of {order.quantity} shares traded, the rest not"
            )

    def _finish(self, kept: PaperOrder, status: OrderStatus, reason: str) -> None:
        self.put(replace(kept, status=status, reason=reason))

    def _cancel_resting(self, symbol: str) -> None:
        for kept in list(self.open.values()):
            if kept.order.symbol == symbol and kept.order.trigger_price is not None:
                self._finish(kept, OrderStatus.CANCELLED, "the position is gone")

    def _cancel_orphans(self) -> None:
        """Cancel protection whose entry never happened."""
        buying = {kept.order.symbol for kept in self.open.values() if kept.order.side is Side.BUY}
        guarded = {kept.order.symbol for kept in self.open.values() if kept.order.trigger_price is not None}
        for symbol in guarded - buying - set(self.book.holdings):
            self._cancel_resting(symbol)


def pending(orders: Iterable[PaperOrder]) -> tuple[Order, ...]:
    """Give the open orders in the engine's words."""
    return tuple(kept.order for kept in orders)


def session_date(session: np.datetime64) -> date:
    """Give a panel's session as a date."""
    return cast(date, session.astype("datetime64[D]").item())


def _bar(view: MarketView, row: int, symbol: str) -> Bar:
    bars, column = view.bars, view.bars.column.get(symbol)
    if column is None or symbol in view.stale:
        return Bar(open=float("nan"), high=float("nan"), low=float("nan"))
    return Bar(
        open=float(bars.open[row, column]), high=float(bars.high[row, column]), low=float(bars.low[row, column])
    )


def _utc(bars: BarPanel, row: int) -> datetime:
    return cast(datetime, bars.known_at[row].astype("datetime64[us]").item()).replace(tzinfo=UTC)
