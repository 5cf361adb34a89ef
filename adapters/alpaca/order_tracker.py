"""Track our orders at Alpaca: the status of each, the fills not acknowledged, and what is still to come.

Account activities are the truth about fills: only they are booked, each by its id. They may be listed later than
the order and the position show them, and in no order within a millisecond; an order whose fills are not all
listed yet therefore counts as pending for what is missing, so that nothing is decided on half of the fills.

An order that Alpaca does not have may still be on its way there: it is a doubt, and counts as pending, until the
session it was sent in (or for) is over. Orders that protect what is held rest; they are pending only for fills.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from msgspec.structs import replace

from adapters.alpaca.late_arrivals import holds_others_up, may_arrive, missed_orders, overdue_orders
from adapters.alpaca.orders import ENDED, OCO, fill_of, foreign_fill, number, order_of, timestamp, trades_shares
from adapters.alpaca.tracked_order import TrackedOrder
from adapters.alpaca.trading_client import AlpacaApi, JsonObject, JsonObjects
from core.ids import is_protective
from core.orders import FOREIGN, TAKE_PROFIT
from core.ports import Calendar
from core.service import OrderRecord
from core.trading import ZERO
from core.types import Fill, Order, OrderStatus

LOOK_BACK = timedelta(days=1)
REPLACEMENTS_MAX = 20
RESTS = OrderStatus.SUBMITTED


@dataclass(kw_only=True)
class OrderTracker:
    """Polls the orders and activities of an account, and keeps their last state.

    Parameters
    ----------
    recorded : callable
        Gives the ledger's record of an order by its client_order_id; None for one that is not ours.
    unfinished : callable
        Gives the ledger's orders that were to be sent and have not ended.
    calendar : Calendar
        The exchange's: an order that Alpaca does not have may reach it until the close of its session.
    since : datetime
        Activities before it are known to be booked.

    Attributes
    ----------
    resting : mapping of str to TrackedOrder
        Orders of ours that protect what is held and may still trade, by client_order_id.
    ended : mapping of str to OrderStatus
        What became of those that protect and have ended, and of others that were executed, once this poll's fills
        are booked.
    doubts : frozenset of str
        Orders of ours, by client_order_id, of which nobody knows yet whether Alpaca will ever have them.
    missed : mapping of str to str
        Alpaca's ids, by client_order_id, of open orders of ours that reached it after their session.
    overdue : mapping of str to TrackedOrder
        Orders of ours for one session that may still trade long after it, by client_order_id.
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
    calendar: Calendar
    since: datetime
    pending: tuple[Order, ...] = ()
    foreign: tuple[JsonObject, ...] = ()
    resting: Mapping[str, TrackedOrder] = field(default_factory=dict)
    ended: Mapping[str, OrderStatus] = field(default_factory=dict)
    doubts: frozenset[str] = frozenset()
    overdue: Mapping[str, TrackedOrder] = field(default_factory=dict)
    missed: Mapping[str, str] = field(default_factory=dict)
    _since_next: datetime | None = None
    _learnt: bool = False
    _targets: set[str] = field(default_factory=set)
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
        if not self._learnt:
            self._learn_legs()
        open_rows = {str(row["client_order_id"]): row for row in self.api.open_orders()}
        found = {name: self.find(name, open_rows.get(name)) for name in records}
        self.missed = missed_orders(open_rows, self.recorded, self.calendar)
        self.foreign = tuple(row for name, row in open_rows.items() if self._is_foreign(row, name))
        fills = self._fills({*records, *self.resting})
        on_their_way = {
            n for n, order in found.items() if order is None and may_arrive(records[n], as_of, self.calendar)
        }
        self.doubts = frozenset(n for n in on_their_way if holds_others_up(records[n], as_of))
        self.overdue = overdue_orders(found, records, as_of, self.calendar)
        pending = (self._pending(record, found[name]) for name, record in records.items())
        self.pending = tuple(order for order in pending if order is not None)
        late = {n for n in (*open_rows, *self.resting) if n not in records and is_protective(n)}
        strays = {name: self.find(name, open_rows.get(name)) for name in late if self.recorded(name)}
        self.resting = {
            name: order
            for name, order in {**found, **strays}.items()
            if is_protective(name) and order and order.left
        }
        settled = records.keys() - on_their_way
        self.ended = {name: status for name in settled if (status := self._end_of(name, found[name])) is not None}
        oldest = min((r.created_at for r in records.values() if not self._only_rests(r)), default=as_of)
        self._since_next = max(self.since, min(oldest, as_of) - LOOK_BACK)
        return fills

    def _end_of(self, name: str, order: TrackedOrder | None) -> OrderStatus | None:
        """Give what became of an order that protects, and of any other that was executed; None for all others.

        The ledger counts an order's fills itself, but a split or a hand at the broker may have changed what it
        counts them against.
        """
        if not is_protective(name):
            if order is None or self.is_rounded_down(name, order):
                return None
            return OrderStatus.FILLED if self.status(name, order) is OrderStatus.FILLED else None
        status = OrderStatus.CANCELLED if order is None else self.status(name, order)
        return status if status in ENDED else None

    def _only_rests(self, record: OrderRecord) -> bool:
        """Tell whether a record's fills, if there are ever any, are all to come: it may rest for weeks."""
        order = self.resting.get(record.client_order_id)
        return order is not None and not order.filled

    def _learn_legs(self) -> None:
        """Find out which orders' legs those of the last days are: a leg's name is Alpaca's own."""
        for row in self.api.orders_since(_iso(self.since)):
            self._note_group(self._name_of(row), row)
        self._learnt = True

    def _note_group(self, client_order_id: str, row: JsonObject) -> None:
        for leg in row.get("legs") or ():
            self._names[str(leg["id"])] = client_order_id
        if row.get("order_class") == OCO and row.get("type") == "limit":
            self._targets.add(str(row["id"]))

    def acknowledge(self, fill_ids: Iterable[str]) -> None:
        """Take note that the step is recorded: these need not be given again, nor what is older be listed."""
        self._acknowledged.update(fill_ids)
        self.since = self._since_next or self.since

    def find(self, client_order_id: str, row: JsonObject | None = None) -> TrackedOrder | None:
        """Give what Alpaca has of an order, through all that replaced it; None when it has nothing."""
        row = row or self.api.order(client_order_id)
        if row is None:
            return None
        if row.get("order_class") == OCO and not row.get("legs"):
            row = self.api.order_by_id(str(row["id"])) or row
        filled = self._filled_of(client_order_id, row)
        row, more = self._newest(client_order_id, row)
        legs = [self._newest(client_order_id, leg) for leg in row.get("legs") or ()]
        if legs:  # a person may have moved the stop of a group alone
            row = {**row, "legs": [leg for leg, _ in legs]}
        return TrackedOrder(row=row, filled=filled + more + sum((of_leg for _, of_leg in legs), ZERO))

    def _newest(self, client_order_id: str, row: JsonObject) -> tuple[JsonObject, Decimal]:
        """Give the last of what replaced an order, and what all after the first filled."""
        filled = ZERO
        for _ in range(REPLACEMENTS_MAX):
            following = self.api.order_by_id(str(row["replaced_by"])) if row.get("replaced_by") else None
            if following is None:
                break
            row = following
            filled += self._filled_of(client_order_id, row)
        return row, filled

    def _filled_of(self, client_order_id: str, row: JsonObject) -> Decimal:
        """Give what an order and its legs filled, and learn under which of our names they are."""
        self._note_group(client_order_id, row)
        self._names[str(row["id"])] = client_order_id
        return sum((number(one, "filled_qty") for one in (row, *(row.get("legs") or ()))), ZERO)

    def is_rounded_down(self, client_order_id: str, order: TrackedOrder) -> bool:
        """Tell whether an order was sent for fewer shares than decided, since its asset trades in whole ones."""
        record = self.recorded(client_order_id)
        if record is None or order.row.get("replaces"):
            return False
        decided = Decimal(record.quantity)  # a split may have changed it since, so less is not enough to tell
        return number(order.row, "qty") == decided.to_integral_value(ROUND_DOWN) != decided

    def noted(self, client_order_id: str, row: JsonObject) -> TrackedOrder:
        """Give the order of an answer to its sending, and learn its legs."""
        return TrackedOrder(row=row, filled=self._filled_of(client_order_id, row))

    def status(self, client_order_id: str, order: TrackedOrder) -> OrderStatus:
        """Give an order's status; it has ended only once all of its fills are listed."""
        listed = self._listed.get(client_order_id, ZERO)
        if order.left or order.filled > listed:
            return OrderStatus.PARTIALLY_FILLED if listed else OrderStatus.SUBMITTED
        return order.status

    def _pending(self, record: OrderRecord, order: TrackedOrder | None) -> Order | None:
        """Give what is still to come of an order; None when nothing is. One that only rests is not to come."""
        name = record.client_order_id
        if order is None:
            return order_of(record, Decimal(record.quantity)) if name in self.doubts else None
        quantity = max(order.filled - self._listed.get(name, ZERO), ZERO)
        quantity += ZERO if is_protective(name) else order.left
        return order_of(record, quantity) if quantity > 0 else None

    def _fills(self, unfinished: Collection[str]) -> tuple[Fill, ...]:
        rows = self.api.activities(_iso(self.since))
        self.activities = tuple(row for row in rows if row["activity_type"] != "FILL")
        trades = [row for row in rows if row["activity_type"] == "FILL"]
        trades.sort(key=lambda row: (timestamp(row["transaction_time"]), number(row, "cum_qty")))
        read = [self._read(row) for row in trades]
        self.foreign_fills = tuple(fill for fill in read if fill and fill.rule == FOREIGN)
        fills = [fill for fill in read if fill and fill.rule != FOREIGN]
        self._listed = {}
        for fill in fills:
            self._listed[fill.client_order_id] = self._listed.get(fill.client_order_id, ZERO) + fill.quantity
        self._acknowledged &= {fill.fill_id for fill in fills}
        self._forget_names(trades, unfinished)
        return tuple(fill for fill in fills if fill.fill_id not in self._acknowledged)

    def _read(self, row: JsonObject) -> Fill | None:
        """Read a fill; of an order that is not ours it is a foreign one, or None."""
        order_id = str(row["order_id"])
        if order_id not in self._names:
            name = self._names[order_id] = self._name(order_id)
            if self.recorded(name) is None:  # it may be a leg of what came since the orders were asked for
                self._learn_legs()
                self._names[order_id] = self._name(order_id)
        record = self.recorded(self._names[order_id])
        if record is None:
            return foreign_fill(row)
        fill = fill_of(row, record)
        return replace(fill, rule=TAKE_PROFIT) if order_id in self._targets else fill

    def _name(self, order_id: str) -> str:
        """Find the name under which we sent an order: that of the first in a row of replacements."""
        row = self.api.order_by_id(order_id)
        for _ in range(REPLACEMENTS_MAX):
            replaced = self.api.order_by_id(str(row["replaces"])) if row and row.get("replaces") else None
            if replaced is None:
                break
            row = replaced
        if row is not None:
            self._note_group(str(row["client_order_id"]), row)
        return self._names.get(str(row["id"]), str(row["client_order_id"])) if row else ""

    def _is_foreign(self, row: JsonObject, name: str) -> bool:
        return trades_shares(row) and not (self.recorded(name) or self.recorded(self._name_of(row)))

    def _name_of(self, row: JsonObject) -> str:
        order_id = str(row["id"])
        if order_id not in self._names:
            self._names[order_id] = self._name(order_id) if row.get("replaces") else str(row["client_order_id"])
        return self._names[order_id]

    def _forget_names(self, trades: JsonObjects, unfinished: Collection[str]) -> None:
        """Keep the names that may be asked for again."""
        listed = {str(row["order_id"]) for row in trades}
        self._names = {
            order_id: name for order_id, name in self._names.items() if order_id in listed or name in unfinished
        }
        self._targets &= set(self._names)


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def listed_since(records: Iterable[OrderRecord], booked_until: datetime) -> datetime:
    """Return the moment from which activities are to be asked for, so that none of what is not booked is missed.

    Parameters
    ----------
    booked_until : datetime
        When the ledger last booked what there was.
    """
    sent = [r.created_at for r in records if not (is_protective(r.client_order_id) and r.status is RESTS)]
    return min([*sent, booked_until]) - LOOK_BACK
