"""The portfolio as an engine keeps it: how it opens, with orders on their way, with the broker's account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec.structs import replace

from core.money import to_cents
from core.trading import ZERO
from core.types import ApprovedOrder, Cycle, OrderStatus, Plan, Portfolio, Position, Side

MOVED_MAX = Decimal("1.1")
"""How far a fill's value may lie from its order's reference price, as a factor, and still be explained by it."""


def opening_portfolio(cash: Decimal) -> Portfolio:
    """Return a portfolio that holds only cash."""
    return Portfolio(cash=cash, session_open_equity=cash, peak_equity=cash)


def with_pending_orders(plan: Plan, cycle: Cycle) -> Plan:
    """Write into the portfolio, before the send, which orders are on their way."""
    if not cycle.submits or not plan.approved:
        return plan
    orders = tuple(approved.order for approved in plan.approved)
    portfolio = replace(plan.portfolio, pending=(*plan.portfolio.pending, *orders))
    return replace(plan, portfolio=portfolio)


def with_account(ours: Portfolio, cash: Decimal, positions: Mapping[str, Position]) -> Portfolio:
    """Return the portfolio with the broker's cash and positions; its breakers measure losses from here on.

    The reported drawdown and daily return stay as they are: what the two accounts differ by was neither won nor
    lost, as with a deposit.
    """
    theirs = replace(ours, cash=cash, positions=positions)
    return replace(
        theirs,
        session_open_equity=rescaled(ours.session_open_equity, ours.equity, theirs.equity),
        peak_equity=rescaled(ours.peak_equity, ours.equity, theirs.equity),
        last_equity=theirs.equity,
    ).rebased()


def rescaled(figure: Decimal, before: Decimal, after: Decimal) -> Decimal:
    """Return a past equity, to the cent, at the same distance from the equity after a deposit or withdrawal."""
    return after if figure == before or not before else to_cents(figure * after / before)


def cash_to_come(portfolio: Portfolio) -> tuple[Decimal, Decimal]:
    """Return the least and the most by which the orders on their way may change cash, US dollars."""
    value = dict.fromkeys(Side, ZERO)
    for order in portfolio.pending:
        value[order.side] += order.quantity * order.reference_price * MOVED_MAX
    return -value[Side.BUY], value[Side.SELL]


def without_refused_exits(
    portfolio: Portfolio, sent: Sequence[ApprovedOrder], statuses: Mapping[str, str]
) -> Portfolio:
    """Count no sale that the broker refused as a trade of the session: it would take an entry's place."""
    refused = sum(
        a.order.side is Side.SELL
        and statuses.get(a.order.client_order_id) in (OrderStatus.REJECTED, OrderStatus.CANCELLED)
        for a in sent
    )
    return replace(portfolio, trades_today=max(portfolio.trades_today - refused, 0)) if refused else portfolio
