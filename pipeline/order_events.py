"""The events of orders: what was sent, and what ended without being executed, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.ports import Clock, EventSink
from core.service import OrderRecord
from core.types import ApprovedOrder, Order, OrderStatus
from pipeline.report_events import EventContent
from pipeline.settlement import NOT_EXECUTED, EndedOrder

BROKER_REFUSED = "broker"
ORDER_TOPICS: Mapping[str, str] = {
    OrderStatus.SUBMITTED: "order.submitted",
    OrderStatus.PARTIALLY_FILLED: "order.submitted",
    OrderStatus.FILLED: "order.submitted",
    OrderStatus.REJECTED: "order.refused",
    OrderStatus.CANCELLED: "order.cancelled",
    OrderStatus.EXPIRED: "order.expired",
}
"""The topic of what became of an order; one that waits or goes nowhere (a dry run) has none."""


class OrderLookup(Protocol):
    """Finds the record of an order."""

    def order(self, client_order_id: str) -> OrderRecord | None:
        """Return one order."""
        ...


@dataclass(kw_only=True)
class OrderEvents:
    """Publishes what becomes of orders, each end once a process."""

    events: EventSink
    clock: Clock
    route: str
    _ended: frozenset[str] = field(default=frozenset(), init=False)  # of the orders sent last

    def publish_sent(
        self, approved: Sequence[ApprovedOrder], statuses: Mapping[str, str], reasons: Mapping[str, str]
    ) -> None:
        """Publish what became of orders at their sending, by client_order_id."""
        at = self.clock.now()
        self._ended = frozenset(name for name, status in statuses.items() if status in NOT_EXECUTED)
        for order in (one.order for one in approved):
            name = order.client_order_id
            event = order_event(order, statuses[name], self.route, reasons.get(name, ""))
            if event is not None:
                self.events.publish(event[0], at, event[1])

    def publish_ended(self, orders: Sequence[EndedOrder]) -> None:
        """Publish which orders ended without being executed, but for those whose end their sending published.

        Nothing is read from the ledger here: a backtest's would write all its rows for it.
        """
        for ended in orders:
            event = order_event(ended.order, ended.status, self.route, ended.reason)
            if event is not None and ended.order.client_order_id not in self._ended:
                self.events.publish(event[0], self.clock.now(), event[1])


def order_event(order: Order | OrderRecord, status: str, route: str, reason: str = "") -> EventContent | None:
    """Return the event of what became of an order; None for one that was neither sent nor ended (a dry run).

    Parameters
    ----------
    reason : str
        The broker's, or ours, for not executing it.
    """
    topic = ORDER_TOPICS.get(status)
    if topic is None:
        return None
    data = {
        "client_order_id": order.client_order_id,
        "ticker": order.symbol,
        "side": order.side.value,
        "quantity": str(order.quantity),
        "reference_price": str(order.reference_price),
        "rule": order.rule,
        "status": status,
        "reason": reason,
        "route": route,
    }
    if topic == "order.refused":
        data |= {"rule": BROKER_REFUSED, "limit": "what the broker takes", "observed": reason}
    return topic, data


def ended_orders(orders: Iterable[Order], ledger: OrderLookup) -> Iterator[EventContent]:
    """List the events of those orders that ended without being executed."""
    for order in orders:
        record = ledger.order(order.client_order_id)
        if record is None or record.status not in NOT_EXECUTED:
            continue
        event = order_event(record, record.status.value, record.route, record.reason)
        if event is not None:
            yield event
