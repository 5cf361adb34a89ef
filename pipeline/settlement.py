"""The settlement of a step: what is not booked yet, and what became of orders that are no longer open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from core.ports import Broker, Ledger
from core.times import market_date
from core.types import MarketView, Order, OrderStatus, Portfolio, Settlement
from pipeline.fills import drop_foreign_fills
from pipeline.portfolio_changes import apply_settlement

NOT_EXECUTED = frozenset({OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED})


class EndedOrder(NamedTuple):
    """An order that ended without being executed: what was to come, its status, the broker's reason."""

    order: Order
    status: str
    reason: str


def settle(
    broker: Broker, ledger: Ledger, portfolio: Portfolio, view: MarketView
) -> tuple[Settlement, Portfolio, tuple[EndedOrder, ...]]:
    """Book what the broker tells up to the view's moment.

    The broker may deliver a fill, a movement or an action again, the ledger's word is that it is booked once.

    Returns
    -------
    tuple of (Settlement, Portfolio, tuple of EndedOrder)
        What is new, the portfolio after it, and which pending orders ended without being executed.
    """
    settlement = _new_in(broker.settle(view), ledger, portfolio)
    fills, pending = settlement.fills, broker.open_orders()
    if not settlement.ids and pending == portfolio.pending:
        return settlement, portfolio, ()
    open_ids = {order.client_order_id for order in pending}
    gone = [o.client_order_id for o in portfolio.pending if o.client_order_id not in open_ids]
    became: Mapping[str, str] = {}
    reasons: Mapping[str, str] = {}
    if gone:
        never_taken = dict.fromkeys(gone, OrderStatus.CANCELLED.value)
        became = {**never_taken, **broker.statuses(gone)}
        booked = {fill.client_order_id for fill in fills}  # the ledger writes "filled" with the fill
        filled = [n for n, status in became.items() if status == OrderStatus.FILLED and n in booked]
        reasons = record_statuses(broker, ledger, {name: s for name, s in became.items() if name not in filled})
    ended = tuple(
        EndedOrder(order, became[name], reasons.get(name, ""))
        for order in portfolio.pending
        if became.get(name := order.client_order_id) in NOT_EXECUTED
    )
    return settlement, replace(apply_settlement(portfolio, settlement, market_date), pending=pending), ended


def _new_in(given: Settlement, ledger: Ledger, portfolio: Portfolio) -> Settlement:
    fills = drop_foreign_fills(portfolio, ledger.new_fills(given.fills))
    if not given.cash_movements and not given.actions:
        return given if fills == given.fills else Settlement(fills=fills)
    return Settlement(
        fills=fills,
        cash_movements=ledger.new_cash_movements(given.cash_movements),
        actions=ledger.new_actions(given.actions),
    )


def record_statuses(broker: Broker, ledger: Ledger, statuses: Mapping[str, str]) -> Mapping[str, str]:
    """Write down what became of orders; return the broker's reasons for those it did not execute."""
    not_executed = (name for name, status in statuses.items() if status in NOT_EXECUTED)
    reasons = {name: reason for name in not_executed if (reason := broker.reason(name))}
    ledger.update_status(statuses, reasons)
    return reasons
