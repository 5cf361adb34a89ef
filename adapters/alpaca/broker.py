"""Alpaca as the broker: each order is sent at most once, each fill is booked once, and a doubt is asked about."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import structlog
import tenacity

from adapters.alpaca.activities import AccountActivities
from adapters.alpaca.capital import CapitalChange
from adapters.alpaca.order_tracker import OrderTracker
from adapters.alpaca.orders import (
    ENDED,
    foreign_order,
    portfolio_of,
    readable,
    request_of,
)
from adapters.alpaca.pre_trade_rules import AccountSnapshot, whole_where_needed
from adapters.alpaca.resting_stops import RestingStops
from adapters.alpaca.tracked_order import TrackedOrder
from adapters.alpaca.trade_updates import TradeUpdates
from adapters.alpaca.trading_client import AlpacaApi, JsonObject, RequestRefused, Unanswered
from core.brackets import Bracket
from core.entry_terms import MARKET_ENTRY, EntryTerms
from core.errors import BrokerError
from core.times import market_date
from core.types import ApprovedOrder, MarketView, Order, OrderStatus, Portfolio, Settlement

NOT_TAKEN = frozenset({OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED})
STREAM_DOWN = "orders: Alpaca's trade_updates stream is down; fills are found when a step asks for them"
MISSED = (
    "missed_session: it reached Alpaca after the close of the session it was decided for, and was cancelled "
    "before it could trade at the next open; what is still wanted is decided anew"
)
DUPLICATE = "client_order_id"
REASONS_MAX = 1000
BECAUSE = {
    OrderStatus.REJECTED: "broker: rejected after it was accepted",
    OrderStatus.EXPIRED: "broker: its session ended before all of it traded",
    OrderStatus.CANCELLED: "broker: cancelled at Alpaca, by hand or by Alpaca itself",
}
log = structlog.get_logger("alpaca")


class AlpacaBroker:
    """Implements `core.ports.Broker` on an Alpaca account, paper or live.

    Sending. The rules of `pre_trade_rules` are checked first; a refused order is `rejected` with its rule.
    A POST is never repeated. After a time-out, a 5xx, a 429 or a dropped connection the order is asked for by its
    client_order_id; when that gives no answer either, it stays `recorded` and every later `settle` asks again.

    Settling. Account activities are the truth (`order_tracker`); the stream is only a reason to poll.

    Parameters
    ----------
    name : str
        `Alpaca paper` or `Alpaca live`.
    stops : RestingStops
        Protects what is held; lifted before an order of the same symbol is sent.
    stream : TradeUpdates or None
        Compared with what is polled; None polls only.
    terms : EntryTerms
        How entries are ordered.
    activities : AccountActivities
        Reads what came to the account beside the fills of orders.
    capital : CapitalChange or None
        Moves cash to or from the engine where the settings give it a certain sum; None where they do not.
    resolve_waits_seconds : sequence of float
        How long to wait before each further question for an order whose sending was not answered.
    """

    def __init__(
        self,
        name: str,
        api: AlpacaApi,
        tracker: OrderTracker,
        stream: TradeUpdates | None = None,
        *,
        stops: RestingStops,
        terms: EntryTerms = MARKET_ENTRY,
        activities: AccountActivities,
        capital: CapitalChange | None = None,
        resolve_waits_seconds: Sequence[float] = (0.5, 1.0, 2.0),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self._api = api
        self._tracker = tracker
        self._stream = stream
        self._stops = stops
        self._terms = terms
        self._activities = activities
        self._capital = capital
        self._asking_again = tenacity.Retrying(
            retry=tenacity.retry_if_result(lambda found: found is None),
            wait=tenacity.wait_chain(*(tenacity.wait_fixed(seconds) for seconds in (*resolve_waits_seconds, 0))),
            stop=tenacity.stop_after_attempt(1 + len(resolve_waits_seconds)),
            sleep=sleep,
            retry_error_callback=lambda _state: None,
        )
        self._posted: set[str] = set()
        self._assets: dict[str, JsonObject | None] = {}
        self._session: date | None = None
        self._reasons: dict[str, str] = {}

    @readable()
    def settle(self, view: MarketView) -> Settlement:
        """Give the fills, cash movements and corporate actions that were not acknowledged, oldest first."""
        if market_date(view.as_of) != self._session:
            self._begin(view)
        fills = self._tracker.poll(view.as_of)
        self._take_back_missed()
        self._stops.take_up()
        if self._stream is not None:
            self._stream.compare(fill.client_order_id for fill in fills if fill.client_order_id)
        other = self._activities.settle(self._tracker.activities, view)
        both = tuple(sorted((*fills, *other.fills), key=lambda fill: fill.at))
        flows = other.cash_movements
        if self._capital is not None:
            flows += self._capital.settle(both, flows, view.as_of)
        return Settlement(fills=both, cash_movements=flows, actions=other.actions)

    def submit(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        """Send orders, each at most once by its client_order_id; give each one's status.

        Raises
        ------
        core.errors.BrokerError
            When the account cannot be asked what it may do; then nothing was sent.
        """
        with readable():
            held_up = self._stops.lift([approval.order.symbol for approval in approved])
            snapshot = AccountSnapshot.of(self._api.account(), self._api.positions(), self._api.open_orders())
        statuses: dict[str, str] = {}
        silent = ""
        for order in (approval.order for approval in approved):
            if silent or order.symbol in held_up:
                reason = silent or held_up[order.symbol]
                status = self._not_sent(order, OrderStatus.CANCELLED, f"not sent: {reason}")
            else:
                try:
                    status = self._submit(order, snapshot)
                except BrokerError as error:
                    silent, status = str(error), OrderStatus.RECORDED
                    log.warning("order.unknown", client_order_id=order.client_order_id, reason=silent)
            statuses[order.client_order_id] = status.value
            if status not in NOT_TAKEN:
                self._stops.sent.append(order)
        return statuses

    def notes(self) -> tuple[str, ...]:
        """Name what is degraded."""
        deaf = self._stream is not None and not self._stream.connected
        capital = self._capital.notes() if self._capital else ()
        overdue = (
            f"orders: {name} is still {order.row.get('status')} at Alpaca though its session is over: new orders "
            f"in {order.row.get('symbol')} wait for it. Cancel it: POST /orders/{name}/cancel"
            for name, order in self._tracker.overdue.items()
        )
        return (*((STREAM_DOWN,) if deaf else ()), *capital, *overdue)

    def close(self) -> None:
        """Leave the stream."""
        if self._stream is not None:
            self._stream.stop()

    def protect(self, protections: Sequence[Bracket]) -> None:
        """Do nothing: these are for daily bars to come; what rests at Alpaca is `RestingStops`'."""

    @readable()
    def cancel(self, client_order_id: str) -> str:
        """Cancel an order if it is still open; give its status.

        Raises
        ------
        core.errors.BrokerError
            When no such order was ever taken, or the broker cannot be asked.
        """
        found = self._tracker.find(client_order_id)
        if found is None:
            raise BrokerError(f"Alpaca has no order {client_order_id}.", hint="See GET /orders.")
        if found.status not in ENDED:
            self._api.delete_order(str(found.row["id"]))
            self._keep(client_order_id, "cancelled on request")
            found = self._tracker.find(client_order_id) or found
        return self._status(client_order_id, found).value

    def acknowledge(self, ids: Sequence[str]) -> None:
        """Take note that the ledger has these fills, movements and actions."""
        self._tracker.acknowledge(ids)
        self._activities.acknowledge(ids)

    @readable()
    def statuses(self, client_order_ids: Sequence[str]) -> Mapping[str, str]:
        """Say what became of orders; those never taken are left out."""
        orders = {name: self._tracker.find(name) for name in client_order_ids}
        return {name: self._status(name, found).value for name, found in orders.items() if found is not None}

    def doubtful_orders(self) -> frozenset[str]:
        """Return our orders that Alpaca does not have and may still get, as of the last `settle`."""
        return self._tracker.doubts

    def reason(self, client_order_id: str) -> str:
        """Say why an order was refused or not sent; empty when there is nothing to say."""
        return self._reasons.get(client_order_id, "")

    def open_orders(self) -> tuple[Order, ...]:
        """Give our orders that may still trade or have fills to come, as of the last `settle`."""
        return self._tracker.pending

    @readable()
    def account(self) -> Portfolio:
        """Give the account's cash and positions; of open orders also those that somebody else placed."""
        foreign = tuple(foreign_order(row) for row in self._tracker.foreign)
        return portfolio_of(self._api.account(), self._api.positions(), (*self._tracker.pending, *foreign))

    def _take_back_missed(self) -> None:
        """Cancel what reached Alpaca after its session; one that cannot be is asked for again at each step."""
        for name, order_id in self._tracker.missed.items():
            try:
                self._api.delete_order(order_id)
            except BrokerError as error:
                log.warning("order.not_taken_back", client_order_id=name, reason=str(error))
            else:
                self._keep(name, MISSED)
                log.warning("order.taken_back", client_order_id=name, reason=MISSED)

    def _begin(self, view: MarketView) -> None:
        """With the first look of a day: ask for assets anew."""
        self._assets.clear()
        self._session = market_date(view.as_of)

    @readable()
    def _submit(self, order: Order, snapshot: AccountSnapshot) -> OrderStatus:
        if order.client_order_id in self._posted:
            return self._resolved(order)
        if order.symbol not in self._assets:
            self._assets[order.symbol] = self._api.asset(order.symbol)
        asset = self._assets[order.symbol]
        order = whole_where_needed(order, asset)
        refusal = self._terms.refusal(order, self._stops.now()) or snapshot.refusal(order, asset)
        if refusal:
            return self._not_sent(order, OrderStatus.REJECTED, refusal)
        snapshot.take(order)
        self._posted.add(order.client_order_id)
        try:
            row = self._api.post_order(request_of(order, self._terms))
        except RequestRefused as refused:
            if DUPLICATE in refused.message:
                return self._resolved(order)
            return self._not_sent(order, OrderStatus.REJECTED, f"broker: {refused}")
        except Unanswered as unanswered:
            log.warning("order.unanswered", client_order_id=order.client_order_id, reason=str(unanswered))
            return self._resolved(order)
        return self._status(order.client_order_id, self._tracker.noted(order.client_order_id, row))

    def _resolved(self, order: Order) -> OrderStatus:
        """Ask what became of an order that was sent without an answer; RECORDED while nobody knows."""
        found: TrackedOrder | None = self._asking_again(self._tracker.find, order.client_order_id)
        return OrderStatus.RECORDED if found is None else self._status(order.client_order_id, found)

    def _status(self, client_order_id: str, order: TrackedOrder) -> OrderStatus:
        status = self._tracker.status(client_order_id, order)
        if status is OrderStatus.FILLED and self._tracker.is_rounded_down(client_order_id, order):
            self._keep(client_order_id, f"{order.filled} shares traded: only whole shares of it are")
            return OrderStatus.CANCELLED
        if status in BECAUSE:
            reason = self._reasons.get(client_order_id, BECAUSE[status])
            traded = f"; {order.filled:f} shares traded before" if order.filled else ""
            self._keep(client_order_id, reason if reason.endswith(traded) else reason + traded)
        return status

    def _not_sent(self, order: Order, status: OrderStatus, reason: str) -> OrderStatus:
        self._keep(order.client_order_id, reason)
        log.info("order.not_sent", client_order_id=order.client_order_id, status=status.value, reason=reason)
        return status

    def _keep(self, client_order_id: str, reason: str) -> None:
        self._reasons[client_order_id] = reason
        while len(self._reasons) > REASONS_MAX:
            del self._reasons[next(iter(self._reasons))]
