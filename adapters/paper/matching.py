"""The paper broker's dealing desk: trades open orders on what the market showed after they were sent."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import nan

from msgspec.structs import replace

from adapters.paper.account import PaperAccount
from adapters.paper.fill_model import Bar, affordable, fee, protective_fill, traded_price
from adapters.paper.hours import opening
from adapters.paper.store import Changes, PaperOrder
from config.trading import BrokerSettings
from core.times import market_date
from core.types import Fill, MarketView, Order, OrderStatus, Side

SHORTFALL_PCT_MAX = Decimal("0.05")
ONE_DAY = timedelta(days=1)
NO_BAR = Bar(open=nan, high=nan, low=nan)
Look = Callable[[PaperOrder], tuple[Bar, datetime] | None]


class MatchingEngine:
    """Open orders, the book, and the rules of trading one against the other.

    Attributes
    ----------
    open : dict of str to PaperOrder
        Orders that may still trade, in the order they came.
    changes : Changes
        What was changed since it was last taken.
    """

    def __init__(self, costs: BrokerSettings, book: PaperAccount, orders: dict[str, PaperOrder]) -> None:
        self.book = book
        self.open = orders
        self.changes = Changes()
        self._costs = costs

    def match(self, view: MarketView) -> None:
        """Trade on the sessions that became known, then on the quotes; on an untrusted feed on nothing."""
        if view.feed_fault:
            return
        for row in range(self._first_row(view), len(view.bars.sessions)):
            self._match_session(view, row)
        if view.market_open:
            self._match_quotes(view)

    def _first_row(self, view: MarketView) -> int:
        """Find the first session that an order or a guard has not been held against."""
        first = min((kept.session_from for kept in self.open.values()), default=date.max)
        if self.book.guards and self.book.holdings:
            first = min(first, self.book.guarded_from)
        return bisect_left(view.bars.dates, first, hi=len(view.bars.sessions))

    def put(self, kept: PaperOrder) -> None:
        """Keep an order, open or not."""
        name = kept.order.client_order_id
        self.changes.orders[name] = kept
        if kept.status is OrderStatus.SUBMITTED:
            self.open[name] = kept
        else:
            self.open.pop(name, None)

    def _match_session(self, view: MarketView, row: int) -> None:
        session, known_at = view.bars.dates[row], view.bars.closed_at[row]
        opens_at = min(opening(session), known_at)

        def look(kept: PaperOrder) -> tuple[Bar, datetime] | None:
            bar = _bar(view, row, kept.order.symbol)
            return (bar, opens_at) if bar.traded and kept.session_from <= session else None

        due = [kept for kept in self.open.values() if kept.session_from <= session]
        self._trade_market(due, look)
        for kept in due:
            if kept.order.client_order_id in self.open:
                self._finish(kept, OrderStatus.EXPIRED, f"no price to trust in the session {session}")
        if self.book.guards and self.book.guarded_from <= session:
            self._trade_guarded(view, row, opens_at, known_at)
            self.book.guarded_from = session + ONE_DAY

    def _match_quotes(self, view: MarketView) -> None:
        opens_at = opening(market_date(view.as_of))

        def look(kept: PaperOrder) -> tuple[Bar, datetime] | None:
            quote = view.quotes.get(kept.order.symbol)
            if quote is None or quote.symbol in view.stale or quote.at < opens_at:
                return None
            bar = Bar(open=quote.price, high=quote.price, low=quote.price)
            return (bar, quote.at) if bar.traded and quote.at > kept.submitted_at else None

        self._trade_market(list(self.open.values()), look)

    def _trade_market(self, orders: Iterable[PaperOrder], look: Look) -> None:
        """Trade orders at the price shown first, sells before buys."""
        for kept in sorted(orders, key=lambda kept: kept.order.side is Side.BUY):
            seen = look(kept)
            if seen is not None:
                bar, at = seen
                trade = self._buy if kept.order.side is Side.BUY else self._sell
                trade(kept, bar.open, at)

    def _trade_guarded(self, view: MarketView, row: int, opens_at: datetime, until: datetime) -> None:
        """Close guarded positions held since the open; the hour within a bar is taken to be its end."""
        for symbol, guard in list(self.book.guards.items()):
            holding = self.book.holdings.get(symbol)
            if holding is None or holding.entry_at > opens_at:
                continue
            bar = _bar(view, row, symbol)
            hit = protective_fill(guard.levels(holding.cost / holding.quantity), bar)
            if hit is not None:
                rule, price = hit
                sold = traded_price(price, Side.SELL, self._costs)
                self._book(
                    f"{guard.decision_id}-{symbol}-protect", symbol, Side.SELL, holding.quantity, sold,
                    at=opens_at if price == bar.open else until, rule=rule,
                )  # fmt: skip
                del self.book.guards[symbol]

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

    def _fill(self, kept: PaperOrder, quantity: Decimal, price: Decimal, at: datetime) -> None:
        order = kept.order
        self._book(order.client_order_id, order.symbol, order.side, quantity, price, at=at, rule=order.rule)
        if quantity == order.quantity:
            self._finish(kept, OrderStatus.FILLED, "")
        else:
            self._finish(
                kept, OrderStatus.CANCELLED, f"{quantity} of {order.quantity} shares traded, the rest not"
            )

    def _book(
        self,
        client_order_id: str,
        symbol: str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        *,
        at: datetime,
        rule: str,
    ) -> None:
        fill = Fill(
            fill_id=f"{client_order_id}-1",
            client_order_id=client_order_id,
            symbol=symbol,
            side=side,
            quantity=quantity,
            price=price,
            fee=fee(quantity, price, self._costs),
            at=at,
            rule=rule,
        )
        self.book.book(fill)
        self.changes.fills.append(fill)

    def _finish(self, kept: PaperOrder, status: OrderStatus, reason: str) -> None:
        self.put(replace(kept, status=status, reason=reason))


def pending(orders: Iterable[PaperOrder]) -> tuple[Order, ...]:
    """Give the open orders in the engine's words."""
    return tuple(kept.order for kept in orders)


def _bar(view: MarketView, row: int, symbol: str) -> Bar:
    bars, column = view.bars, view.bars.column.get(symbol)
    if column is None or symbol in view.stale:
        return NO_BAR
    return Bar(bars.open.item(row, column), bars.high.item(row, column), bars.low.item(row, column))
