"""The settlement of a step: fills not booked yet, and what became of orders that are no longer open."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from core.ports import Broker, Ledger
from core.times import market_date
from core.types import Fill, MarketView, OrderStatus, Portfolio
from pipeline.fills import apply_fills, drop_foreign_fills

NOT_EXECUTED = frozenset({OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED})


def settle(
    broker: Broker, ledger: Ledger, portfolio: Portfolio, view: MarketView
) -> tuple[tuple[Fill, ...], Portfolio]:
    """Book the broker's fills up to the view's moment.

    The broker may deliver a fill again, the ledger's word is that it is booked once.

    Returns
    -------
    tuple of (tuple of Fill, Portfolio)
        The fills that are new, and the portfolio after them.
    """
    fills = drop_foreign_fills(portfolio, ledger.new_fills(broker.settle(view)))
    pending = broker.open_orders()
    if not fills and pending == portfolio.pending:
        return fills, portfolio
    open_ids = {order.client_order_id for order in pending}
    gone = [o.client_order_id for o in portfolio.pending if o.client_order_id not in open_ids]
    if gone:
        never_taken = dict.fromkeys(gone, OrderStatus.CANCELLED.value)
        became = {**never_taken, **broker.statuses(gone)}
        booked = {fill.client_order_id for fill in fills}  # the ledger writes "filled" with the fill
        filled = [n for n, status in became.items() if status == OrderStatus.FILLED and n in booked]
        record_statuses(broker, ledger, {name: s for name, s in became.items() if name not in filled})
    return fills, replace(apply_fills(portfolio, fills, market_date), pending=pending)


def record_statuses(broker: Broker, ledger: Ledger, statuses: Mapping[str, str]) -> Mapping[str, str]:
    """Write down what became of orders; return the broker's reasons for those it did not execute."""
    not_executed = (name for name, status in statuses.items() if status in NOT_EXECUTED)
    reasons = {name: reason for name in not_executed if (reason := broker.reason(name))}
    ledger.update_status(statuses, reasons)
    return reasons
