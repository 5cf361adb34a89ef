"""The built-in paper broker: durable, fills at the next price, never at the one that was decided on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from adapters.paper.account import PaperAccount
from adapters.paper.fill_model import fee, traded_price
from adapters.paper.hours import next_opening_date
from adapters.paper.matching import MatchingEngine, pending
from adapters.paper.store import Changes, PaperOrder, PaperStore
from config.broker import BrokerSettings
from core.brackets import Bracket, Levels
from core.entry_terms import MARKET_ENTRY, EntryTerms
from core.errors import BrokerError, LedgerError
from core.money import to_cents
from core.ports import Clock
from core.protection import PositionProtection
from core.trading import ZERO
from core.types import ApprovedOrder, MarketView, Order, OrderStatus, Portfolio, Position, Settlement, Side

NO_LEVELS = Levels(None, None, None, None)


class PaperBroker:
    """Implements `core.ports.Broker` on simulated money.

    When an order fills. Only on what happened after it was sent: during market hours on a quote from later
    than that; else at the opening price of the first session that opens later (09:30 New York), once its bar
    is known. Half the spread and the slippage are paid on each fill. An order lives until the end of that
    first session, then it expires. Brackets are checked against each daily bar that follows: the stop before
    the target, a gap at the open.

    What cash does. A buy that buying power does not cover is rejected when it is sent. When the price has moved
    since, it is cut down to what cash allows, or rejected if that is less than 95 % of it: cash is never
    negative. Sells trade before buys, and what open sells should bring counts as buying power.

    What corporate actions do. Those of the view are booked before anything trades, each once: a split scales
    shares, cost, bracket and the orders sent before it; a dividend is paid in cash on the ex-date to who held at
    the close before. A view without actions changes nothing: bars of a backtest are total return.

    Fills, payments and actions are given at least once: by every `settle` until `acknowledge` names them, across
    restarts. The ledger books an id once.

    Parameters
    ----------
    clock : Clock
        Says when an order was sent; never earlier than the last view settled.
    terms : EntryTerms
        How entries are ordered; a limit that no price reaches in its session expires.
    store : PaperStore
        `SqlitePaperStore(path)`, or `InMemoryPaperStore()` for a backtest.
    """

    name = "paper"

    def __init__(
        self, settings: BrokerSettings, clock: Clock, store: PaperStore, terms: EntryTerms = MARKET_ENTRY
    ) -> None:
        self._terms = terms
        self._settings = settings
        self._clock = clock
        self._store = store
        self._settled_at: datetime | None = None
        self._last_session: date | None = None
        self._waiting = Settlement()
        self._restore()

    def settle(self, view: MarketView) -> Settlement:
        """Trade on the view and give all that is not acknowledged yet.

        A view that is not later than the last one settled trades nothing.
        """
        if self._settled_at is None or view.as_of > self._settled_at:
            self._settled_at = view.as_of
            if view.row >= 0:
                self._last_session = view.bars.dates[view.row]
            account = self._matching.account
            if self._matching.open or account.brackets or (view.actions and account.changes):
                account.forget(view.as_of)
                self._matching.match(view)
                self._commit()
        return self._waiting

    def submit(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        """Take orders, each once by its client_order_id; give each one's status (`reason` says why)."""
        statuses, power = {}, self._buying_power()
        for order in (approval.order for approval in approved):
            kept = self._find(order.client_order_id)
            if kept is None:
                expected = self._expected(order)
                kept = self._take(order, expected, power)
                power += expected if kept.status is OrderStatus.SUBMITTED else ZERO
            statuses[order.client_order_id] = kept.status.value
        self._commit()
        return statuses

    def protect(self, protections: Sequence[Bracket]) -> None:
        """Check these stops and targets, and no others, against the daily bars to come."""
        account = self._matching.account
        first = self._last_session + timedelta(days=1) if self._last_session else account.brackets_from
        self._keep(protections, first)

    def rest(self, brackets: Sequence[Bracket], portfolio: Portfolio, at: datetime) -> None:
        """Leave these stops and targets, and no others, for the sessions in which no process runs.

        They are checked against the bars of sessions that open after the last step. Of a session in which a step
        ran the bar also holds prices from before it: there the risk check watches the quotes.
        """
        held = self._matching.account.holdings
        kept = [
            bracket for bracket in brackets if bracket.symbol in portfolio.positions and bracket.symbol in held
        ]
        self._keep(kept, next_opening_date(at))

    def protection(self, portfolio: Portfolio) -> Mapping[str, PositionProtection]:
        """Return where each position's stop rests."""
        brackets = self._matching.account.brackets
        return {symbol: _protection(held, brackets.get(symbol)) for symbol, held in portfolio.positions.items()}

    def resting_orders(self) -> tuple[Order, ...]:
        """Return none: a bracket fills only in a settlement."""
        return ()

    def _keep(self, brackets: Sequence[Bracket], first: date) -> None:
        account = self._matching.account
        kept = {bracket.symbol: bracket for bracket in brackets}
        if kept == account.brackets:
            return
        account.brackets, account.brackets_from = kept, first
        self._store.save(Changes(), account)

    def acknowledge(self, ids: Sequence[str]) -> None:
        """Take note that the ledger has these fills, payments and actions: they are not given again."""
        waiting = self._waiting.ids
        known = [name for name in dict.fromkeys(ids) if name in waiting]
        if known:
            self._store.acknowledge(known)
            self._waiting = _without(self._waiting, frozenset(known))

    def account(self) -> Portfolio:
        """Return the account: cash, positions at their last traded price, open orders."""
        return self._matching.account.as_portfolio(self.open_orders())

    def open_orders(self) -> tuple[Order, ...]:
        """Give the orders that may still trade, oldest first."""
        return pending(self._matching.open.values())

    def statuses(self, client_order_ids: Sequence[str]) -> Mapping[str, str]:
        """Give what became of orders; those never taken are left out."""
        found = {name: self._find(name) for name in client_order_ids}
        return {name: kept.status.value for name, kept in found.items() if kept is not None}

    def doubtful_orders(self) -> frozenset[str]:
        """Return none: nothing gets lost on the way."""
        return frozenset()

    def reason(self, client_order_id: str) -> str:
        """Say why an order was rejected, cancelled or expired; empty when there is nothing to say."""
        kept = self._find(client_order_id)
        return kept.reason if kept else ""

    def cancel(self, client_order_id: str) -> str:
        """Cancel an order if it is still open; give its status.

        Raises
        ------
        core.errors.BrokerError
            When no such order was ever taken.
        """
        kept = self._find(client_order_id)
        if kept is None:
            raise BrokerError(f"The paper broker has no order {client_order_id}.", hint="See GET /orders.")
        if kept.status is OrderStatus.SUBMITTED:
            kept = replace(kept, status=OrderStatus.CANCELLED, reason="cancelled on request")
            self._matching.put(kept)
            self._commit()
        return kept.status.value

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def _find(self, client_order_id: str) -> PaperOrder | None:
        return (
            self._matching.open.get(client_order_id)
            or self._matching.changes.orders.get(client_order_id)
            or self._store.find(client_order_id)
        )

    def _take(self, order: Order, expected: Decimal, power: Decimal) -> PaperOrder:
        now = self._clock.now()
        sent = max(now, self._settled_at) if self._settled_at else now
        first = next_opening_date(sent)
        if self._last_session is not None:
            first = max(first, self._last_session + timedelta(days=1))
        refusal = self._terms.refusal(order, sent) or self._refusal(order, -expected, power)
        kept = PaperOrder(
            order=order,
            submitted_at=sent,
            session_from=first,
            status=OrderStatus.REJECTED if refusal else OrderStatus.SUBMITTED,
            reason=refusal,
        )
        self._matching.put(kept)
        return kept

    def _refusal(self, order: Order, needed: Decimal, power: Decimal) -> str:
        """Say why an order cannot be taken; empty when it can."""
        if order.quantity <= 0:
            return f"the quantity {order.quantity} is not positive"
        if not self._settings.fractional_shares and order.quantity != order.quantity.to_integral_value():
            return f"the quantity {order.quantity} is not whole and fractional shares are off"
        if order.side is Side.SELL:
            return self._sell_refusal(order)
        return f"it needs {needed} USD and the buying power is {power} USD" if needed > power else ""

    def _sell_refusal(self, order: Order) -> str:
        selling = sum(
            (o.quantity for o in self.open_orders() if o.symbol == order.symbol and o.side is Side.SELL), ZERO
        )
        free = self._matching.account.held(order.symbol) - selling
        return f"it sells {order.quantity} shares and {free} are free to sell" if order.quantity > free else ""

    def _buying_power(self) -> Decimal:
        """Give cash less what open buys should take, plus what open sells should bring."""
        return self._matching.account.cash + sum((self._expected(order) for order in self.open_orders()), ZERO)

    def _expected(self, order: Order) -> Decimal:
        """Give the cash an order should move at its reference price."""
        price = traded_price(float(order.reference_price), order.side, self._settings)
        value = order.quantity * price
        return to_cents(
            (value if order.side is Side.SELL else -value) - fee(order.quantity, price, self._settings)
        )

    def _commit(self) -> None:
        """Write what changed; when that fails, go back to what is written."""
        changes, self._matching.changes = self._matching.changes, Changes()
        if not changes:
            return
        try:
            self._store.save(changes, self._matching.account)
        except LedgerError:
            self._restore()
            raise
        self._waiting = _joined(self._waiting, changes.settlement)

    def _restore(self) -> None:
        saved = self._store.load()
        cash = to_cents(Decimal(repr(self._settings.initial_cash_usd)))
        self._matching = MatchingEngine(
            self._settings, saved.account or PaperAccount(cash=cash), dict(saved.open_orders), self._terms
        )
        self._waiting = saved.waiting
        self._settled_at = None
        self._last_session = None


def _protection(held: Position, bracket: Bracket | None) -> PositionProtection:
    levels = bracket.levels(held.average_price) if bracket else NO_LEVELS
    if levels.stop_price is None:
        reason = "no stop is set for it (risk_check)" if bracket else "it is placed with the next step"
        return PositionProtection(rests_at="", quantity=ZERO, bare_quantity=held.quantity, bare_reason=reason)
    return PositionProtection(
        rests_at="paper broker, from the next session on",
        quantity=held.quantity,
        stop_price=levels.stop_price,
        target_price=levels.target_price,
    )


def _joined(before: Settlement, more: Settlement) -> Settlement:
    return Settlement(
        fills=before.fills + more.fills,
        cash_movements=before.cash_movements + more.cash_movements,
        actions=before.actions + more.actions,
    )


def _without(settlement: Settlement, ids: frozenset[str]) -> Settlement:
    return Settlement(
        fills=tuple(fill for fill in settlement.fills if fill.fill_id not in ids),
        cash_movements=tuple(moved for moved in settlement.cash_movements if moved.movement_id not in ids),
        actions=tuple(action for action in settlement.actions if action.action_id not in ids),
    )
