"""Fills into the book: pure, exact in Decimal, cash to the cent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime

from core.errors import InvariantError
from core.trading import ZERO
from core.types import Fill, Order, Portfolio, Position, Side

SessionOf = Callable[[datetime], date]


def apply_fills(portfolio: Portfolio, fills: Sequence[Fill], session_of: SessionOf) -> Portfolio:
    """Give the book after the fills, in their order; what they fill leaves `pending`.

    Parameters
    ----------
    fills : sequence of Fill
        Only fills that were not booked before.
    session_of : callable
        The session that a moment (UTC) belongs to.

    Raises
    ------
    core.errors.InvariantError
        When a fill comes twice, has no quantity or price, or sells more than is held.
    """
    if len({fill.fill_id for fill in fills}) != len(fills):
        raise InvariantError("A fill was to be booked twice.")
    for fill in fills:
        portfolio = _apply(portfolio, fill, session_of)
    return portfolio


def _apply(portfolio: Portfolio, fill: Fill, session_of: SessionOf) -> Portfolio:
    if fill.quantity <= 0 or fill.price <= 0:
        raise InvariantError(f"The fill {fill.fill_id} trades {fill.quantity} shares at {fill.price} USD.")
    held = portfolio.positions.get(fill.symbol)
    position = _sold(held, fill) if fill.side is Side.SELL else _bought(held, fill, session_of)
    return replace(
        portfolio.with_position(position),
        cash=portfolio.cash + fill.cash_change,
        pending=_left_pending(portfolio.pending, fill),
    )


def _bought(held: Position | None, fill: Fill, session_of: SessionOf) -> Position:
    if held is None:
        return Position(
            symbol=fill.symbol,
            quantity=fill.quantity,
            average_price=fill.price,
            entry_at=fill.at,
            entry_session=session_of(fill.at),
            peak_price=fill.price,
            last_price=fill.price,
        )
    quantity = held.quantity + fill.quantity
    cost = held.quantity * held.average_price + fill.quantity * fill.price
    return replace(
        held,
        quantity=quantity,
        average_price=cost / quantity,
        peak_price=max(held.peak_price, fill.price),
        last_price=fill.price,
    )


def _sold(held: Position | None, fill: Fill) -> Position:
    quantity = held.quantity if held else ZERO
    if held is None or fill.quantity > quantity:
        raise InvariantError(
            f"The fill {fill.fill_id} sells {fill.quantity} {fill.symbol} but {quantity} are held.",
            hint="Compare the broker's positions with GET /positions.",
        )
    return replace(held, quantity=quantity - fill.quantity, last_price=fill.price)


def _left_pending(pending: tuple[Order, ...], fill: Fill) -> tuple[Order, ...]:
    """Shrink the order that the fill belongs to; filled in full, it is pending no more."""
    left = []
    for order in pending:
        rest = order.quantity - (fill.quantity if order.client_order_id == fill.client_order_id else ZERO)
        if rest > 0:
            left.append(replace(order, quantity=rest))
    return tuple(left)
