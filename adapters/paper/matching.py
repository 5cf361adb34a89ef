"""The paper broker's matching engine: fills open orders on what the market showed after they were sent."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import nan

from msgspec.structs import replace

from adapters.paper.account import PaperAccount
from adapters.paper.corporate_actions import ActionBooker
from adapters.paper.fill_model import Bar, affordable, fee, protective_fill, traded_price
from adapters.paper.store import Changes, PaperOrder
from config.broker import BrokerSettings
from core.entry_terms import EntryTerms
from core.times import market_date, opening
from core.types import Fill, MarketView, Order, OrderStatus, Side

SHORTFALL_PCT_MAX = Decimal("0.05")
ONE_DAY = timedelta(days=1)
NO_BAR = Bar(open=nan, high=nan, low=nan)
PriceLookup = Callable[[PaperOrder], tuple[Bar, datetime] | None]


class MatchingEngine:
    """Fills the open orders of an account, and closes positions whose bracket a bar reached.

    Attributes
    ----------
    open : dict of str to PaperOrder
        Orders that may still trade, in the order they came.
    changes : Changes
        What was changed since it was last taken.
    """

    def __init__(
        self, costs: BrokerSettings, account: PaperAccount, orders: dict[str, PaperOrder], terms: EntryTerms
    ) -> None:
        self._terms = terms
        self.account = account
        self.open = orders
        self.changes = Changes()
        self._costs = costs

    def match(self, view: MarketView) -> None:
        """Book corporate actions, then trade on the sessions that became known, then on the quotes.

        On an untrusted feed nothing trades; what its prices are counted in still changes.
        """
        if view.actions:
            fractional = self._costs.fractional_shares
            booker = ActionBooker(self.account, self.changes, self.put, fractional=fractional)
            booker.apply(view, list(self.open.values()))
        if view.feed_fault:
            return
        for row in range(self._first_row(view), len(view.bars.sessions)):
            self._match_session(view, row)
        if view.market_open:
            self._match_quotes(view)

    def _first_row(self, view: MarketView) -> int:
        """Find the first session that an order or a bracket has not been checked against."""
        first = min((kept.session_from for kept in self.open.values()), default=date.max)
        if self.account.brackets and self.account.holdings:
            first = min(first, self.account.brackets_from)
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

        def price_of(kept: PaperOrder) -> tuple[Bar, datetime] | None:
            bar = _bar(view, row, kept.order.symbol)
            return (bar, opens_at) if bar.traded and kept.session_from <= session else None

        due = [kept for kept in self.open.values() if kept.session_from <= session]
        self._trade_market(due, price_of)
        for kept in due:
            if kept.order.client_order_id in self.open:
                limit = self._terms.limit_price(kept.order)
                within = "" if limit is None else f", or none within {limit} USD,"
                reason = f"no price to trust{within}"
                self._finish(kept, OrderStatus.EXPIRED, f"{reason} in the session {session}")
        if self.account.brackets and self.account.brackets_from <= session:
            self._trade_brackets(view, row, opens_at, known_at)
            self.account.brackets_from = session + ONE_DAY

    def _match_quotes(self, view: MarketView) -> None:
        opens_at = opening(market_date(view.as_of))

        def price_of(kept: PaperOrder) -> tuple[Bar, datetime] | None:
            quote = view.quotes.get(kept.order.symbol)
            if quote is None or quote.symbol in view.stale or quote.at < opens_at:
                return None
            bar = Bar(open=quote.price, high=quote.price, low=quote.price)
            return (bar, quote.at) if bar.traded and quote.at > kept.submitted_at else None

        self._trade_market(list(self.open.values()), price_of)

    def _trade_market(self, orders: Iterable[PaperOrder], price_of: PriceLookup) -> None:
        """Trade orders at the price shown first, sells before buys."""
        for kept in sorted(orders, key=lambda kept: kept.order.side is Side.BUY):
            shown = price_of(kept)
            if shown is not None:
                bar, at = shown
                price = self._within_limit(kept.order, bar)
                if price is not None:
                    trade = self._buy if kept.order.side is Side.BUY else self._sell
                    trade(kept, price, at)

    def _within_limit(self, order: Order, bar: Bar) -> float | None:
        """Return the price before costs at which an order trades in a bar; None where none is in its limit."""
        limit = self._terms.limit_price(order)
        if limit is None or traded_price(bar.open, order.side, self._costs) <= limit:
            return bar.open
        below = float(limit) / float(traded_price(1.0, order.side, self._costs))
        return below if bar.low <= below else None

    def _trade_brackets(self, view: MarketView, row: int, opens_at: datetime, until: datetime) -> None:
        """Close positions held since the open whose bracket the bar reached, at the open or at the bar's end."""
        for symbol, bracket in list(self.account.brackets.items()):
            holding = self.account.holdings.get(symbol)
            if holding is None or holding.entry_at > opens_at:
                continue
            bar = _bar(view, row, symbol)
            hit = protective_fill(bracket.levels(holding.cost / holding.quantity), bar)
            if hit is not None:
                rule, price = hit
                sold = traded_price(price, Side.SELL, self._costs)
                self._record_fill(
                    f"{bracket.decision_id}-{symbol}-protect", symbol, Side.SELL, holding.quantity, sold,
                    at=opens_at if price == bar.open else until, rule=rule,
                )  # fmt: skip
                del self.account.brackets[symbol]

    def _buy(self, kept: PaperOrder, price: float, at: datetime) -> None:
        paid = traded_price(price, Side.BUY, self._costs)
        wanted = kept.order.quantity
        quantity = min(wanted, affordable(self.account.cash, paid, self._costs))
        if quantity <= 0 or quantity < wanted * (1 - SHORTFALL_PCT_MAX):
            reason = f"{wanted} shares at {paid} USD cost more than the {self.account.cash} USD of cash"
            self._finish(kept, OrderStatus.REJECTED, reason)
        else:
            self._fill(kept, quantity, paid, at)

    def _sell(self, kept: PaperOrder, price: float, at: datetime) -> None:
        quantity = min(kept.order.quantity, self.account.held(kept.order.symbol))
        if quantity <= 0:
            self._finish(kept, OrderStatus.CANCELLED, "the position is gone")
            return
        self._fill(kept, quantity, traded_price(price, Side.SELL, self._costs), at)

    def _fill(self, kept: PaperOrder, quantity: Decimal, price: Decimal, at: datetime) -> None:
        order = kept.order
        self._record_fill(
            order.client_order_id, order.symbol, order.side, quantity, price, at=at, rule=order.rule
        )
        if quantity == order.quantity:
            self._finish(kept, OrderStatus.FILLED, "")
        else:
            self._finish(
                kept, OrderStatus.CANCELLED, f"{quantity} of {order.quantity} shares traded, the rest not"
            )

    def _record_fill(
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
        self.account.apply_fill(fill)
        self.changes.fills.append(fill)

    def _finish(self, kept: PaperOrder, status: OrderStatus, reason: str) -> None:
        self.put(replace(kept, status=status, reason=reason))


def pending(orders: Iterable[PaperOrder]) -> tuple[Order, ...]:
    """Return the orders without what the paper broker keeps beside them."""
    return tuple(kept.order for kept in orders)


def _bar(view: MarketView, row: int, symbol: str) -> Bar:
    bars, column = view.bars, view.bars.column.get(symbol)
    if column is None or symbol in view.stale:
        return NO_BAR
    return Bar(bars.open.item(row, column), bars.high.item(row, column), bars.low.item(row, column))
