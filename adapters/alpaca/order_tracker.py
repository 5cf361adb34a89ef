"""Track our orders at Alpaca: the status of each, the fills not acknowledged, and what is still to come.

Account activities are the truth about fills: only they are booked, each by its id. They may be listed later than
the order and the position show them, and in no order within a millisecond; an order whose fills are not all
listed yet therefore counts as pending for what is missing, so that nothing is decided on half of the fills.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from adapters.alpaca.orders import (
    ENDED,
    fill_of,
    foreign_fill,
    number,
    order_of,
    status_of,
    timestamp,
)
from adapters.alpaca.trading_client import AlpacaApi, JsonObject, JsonObjects
from core.orders import FOREIGN
from core.service import OrderRecord
from core.trading import ZERO
from core.types import Fill, Order, OrderStatus

LOOK_BACK = timedelta(days=1)
GRACE = timedelta(seconds=60)
REPLACEMENTS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedOrder:
    """An order at Alpaca: the newest of the orders that replaced one another, and what all of them filled."""

    row: JsonObject
    filled: Decimal

    @property
    def left(self) -> Decimal:
        """What may still trade."""
        if status_of(self.row) in ENDED:
            return ZERO
        return number(self.row, "qty") - number(self.row, "filled_qty")


@dataclass(kw_only=True)
class OrderTracker:
    """Polls the orders and activities of an account, and keeps their last state.

    Parameters
    ----------
    recorded : callable
        Gives the ledger's record of an order by its client_order_id; None for one that is not ours.
    unfinished : callable
        Gives the ledger's orders that were to be sent and have not ended.
    since : datetime
        Activities before it are known to be booked.

    Attributes
    ----------
    pending : tuple of Order
        Ours that may still trade, or of which fills are not listed yet, with the quantity still to come.
    foreign : tuple of JsonObject
        Open orders that somebody else placed.
    foreign_fills : tuple of Fill
        Fills of orders that are not ours, oldest first.
    activities : tuple of JsonObject
        All activities but fills.
    """

    api: AlpacaApi
    recorded: Callable[[str], OrderRecord | None]
    unfinished: Callable[[], Sequence[OrderRecord]]
    since: datetime
    pending: tuple[Order, ...] = ()
    foreign: tuple[JsonObject, ...] = ()
    foreign_fills: tuple[Fill, ...] = ()
    activities: tuple[JsonObject, ...] = ()
    _acknowledged: set[str] = field(default_factory=set)
    _names: dict[str, str] = field(default_factory=dict)
    _listed: dict[str, Decimal] = field(default_factory=dict)

    def poll(self, as_of: datetime) -> tuple[Fill, ...]:
        """Ask for orders, then for activities; give the fills that were not acknowledged.

        Raises
        ------
        core.errors.BrokerError
            When Alpaca cannot be asked.
        """
        records = {record.client_order_id: record for record in self.unfinished()}
        open_rows = {str(row["client_order_id"]): row for row in self.api.open_orders()}
        self.foreign = tuple(row for name, row in open_rows.items() if self._is_foreign(row, name))
        found = {name: self.find(name, open_rows.get(name)) for name in records}
        fills = self._fills()
        pending = (self._pending(record, found[name], as_of) for name, record in records.items())
        self.pending = tuple(order for order in pending if order is not None)
        oldest = min((record.created_at for record in records.values()), default=as_of)
        self.since = max(self.since, min(oldest, as_of) - LOOK_BACK)
        return fills

    def acknowledge(self, fill_ids: Iterable[str]) -> None:
        """Take note that these need not be given again."""
        self._acknowledged.update(fill_ids)

    def find(self, client_order_id: str, row: JsonObject | None = None) -> TrackedOrder | None:
        """Give what Alpaca has of an order, through all that replaced it; None when it has nothing."""
        row = row or self.api.order(client_order_id)
        if row is None:
            return None
        filled = number(row, "filled_qty")
        self._names[str(row["id"])] = client_order_id
        for _ in range(REPLACEMENTS_MAX):
            following = self.api.order_by_id(str(row["replaced_by"])) if row.get("replaced_by") else None
            if following is None:
                break
            row = following
            filled += number(row, "filled_qty")
            self._names[str(row["id"])] = client_order_id
        return TrackedOrder(row=row, filled=filled)

    def status(self, client_order_id: str, order: TrackedOrder) -> OrderStatus:
        """Give an order's status; it has ended only once all of its fills are listed."""
        listed = self._listed.get(client_order_id, ZERO)
        if order.left or order.filled > listed:
            return OrderStatus.PARTIALLY_FILLED if listed else OrderStatus.SUBMITTED
        return status_of(order.row)

    def _pending(self, record: OrderRecord, order: TrackedOrder | None, as_of: datetime) -> Order | None:
        """Give what is still to come of an order; None when nothing is.

        One that Alpaca does not have may be on the wire: it counts as sent for a while.
        """
        if order is None:
            waits = as_of - max(record.created_at, record.updated_at) < GRACE
            return order_of(record, Decimal(record.quantity)) if waits else None
        quantity = order.left + max(order.filled - self._listed.get(record.client_order_id, ZERO), ZERO)
        return order_of(record, quantity) if quantity > 0 else None

    def _fills(self) -> tuple[Fill, ...]:
        rows = self.api.activities(self.since.isoformat().replace("+00:00", "Z"))
        self.activities = tuple(row for row in rows if row["activity_type"] != "FILL")
        trades = [row for row in rows if row["activity_type"] == "FILL"]
        trades.sort(key=lambda row: (timestamp(row["transaction_time"]), number(row, "cum_qty")))
        read = [self._read(row) for row in trades]
        self.foreign_fills = tuple(fill for fill in read if fill.rule == FOREIGN)
        fills = [fill for fill in read if fill.rule != FOREIGN]
        self._listed = {}
        for fill in fills:
            self._listed[fill.client_order_id] = self._listed.get(fill.client_order_id, ZERO) + fill.quantity
        self._acknowledged &= {fill.fill_id for fill in fills}
        self._forget_names(trades)
        return tuple(fill for fill in fills if fill.fill_id not in self._acknowledged)

    def _read(self, row: JsonObject) -> Fill:
        """Read a fill; of an order that is not ours it is a foreign one."""
        order_id = str(row["order_id"])
        if order_id not in self._names:
            self._names[order_id] = self._name(order_id)
        record = self.recorded(self._names[order_id])
        return fill_of(row, record) if record is not None else foreign_fill(row)

    def _name(self, order_id: str) -> str:
        """Find the name under which we sent an order: that of the first in a row of replacements."""
        row = self.api.order_by_id(order_id)
        for _ in range(REPLACEMENTS_MAX):
            replaced = self.api.order_by_id(str(row["replaces"])) if row and row.get("replaces") else None
            if replaced is None:
                break
            row = replaced
        return str(row["client_order_id"]) if row else ""

    def _is_foreign(self, row: JsonObject, name: str) -> bool:
        return self.recorded(name) is None and self.recorded(self._name_of(row)) is None

    def _name_of(self, row: JsonObject) -> str:
        order_id = str(row["id"])
        if order_id not in self._names:
            self._names[order_id] = self._name(order_id) if row.get("replaces") else str(row["client_order_id"])
        return self._names[order_id]

    def _forget_names(self, trades: JsonObjects) -> None:
        """Keep the names that may be asked for again."""
        listed = {str(row["order_id"]) for row in trades}
        waiting = {order.client_order_id for order in self.pending}
        self._names = {
            order_id: name for order_id, name in self._names.items() if order_id in listed or name in waiting
        }
