"""The portfolio as an engine keeps it: how it opens, with orders on their way, with the broker's account."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec.structs import replace

from core.money import to_cents
from core.types import Cycle, Plan, Portfolio, Position


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
