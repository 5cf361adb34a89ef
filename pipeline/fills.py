"""Fills into the portfolio: pure, exact in Decimal, cash to the cent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal

from msgspec.structs import replace

from core.errors import InvariantError
from core.orders import DELISTED, RISK_EXITS, SPLIT
from core.trading import ZERO
from core.types import Fill, Order, Portfolio, Position, Side

SessionOf = Callable[[datetime], date]


def apply_fills(portfolio: Portfolio, fills: Sequence[Fill], session_of: SessionOf) -> Portfolio:
    """Return the portfolio after the fills, in their order; what they fill leaves `pending`.

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
    if not fills:
        return portfolio
    cash, positions = portfolio.cash, dict(portfolio.positions)
    sold = {fill.symbol: session_of(fill.at) for fill in fills if _by_risk_rule(fill)}
    for fill in fills:
        position = _after(positions.get(fill.symbol), fill, session_of)
        cash += fill.cash_change
        if position.quantity:
            positions[fill.symbol] = position
        else:
            del positions[fill.symbol]
    exits = portfolio.risk_exits
    return replace(
        portfolio,
        cash=cash,
        positions=positions,
        pending=_left_pending(portfolio.pending, fills),
        risk_exits={**(exits or {}), **sold} if sold else exits,
    )


def quantities(fills: Sequence[Fill]) -> dict[str, Decimal]:
    """Sum what was filled of each order, by client_order_id."""
    filled: dict[str, Decimal] = {}
    for fill in fills:
        filled[fill.client_order_id] = filled.get(fill.client_order_id, ZERO) + fill.quantity
    return filled


def drop_foreign_fills(portfolio: Portfolio, fills: tuple[Fill, ...]) -> tuple[Fill, ...]:
    """Leave out the splits of what is not held, and was not bought with the same news."""
    if not any(fill.rule == SPLIT for fill in fills):
        return fills
    held = {*portfolio.positions, *(fill.symbol for fill in fills if fill.rule != SPLIT)}
    return tuple(fill for fill in fills if fill.symbol in held)


def _by_risk_rule(fill: Fill) -> bool:
    return fill.side is Side.SELL and fill.rule in RISK_EXITS


def _after(held: Position | None, fill: Fill, session_of: SessionOf) -> Position:
    if fill.rule == SPLIT and held is not None:
        return _split(held, fill)
    worthless = fill.rule == DELISTED and fill.side is Side.SELL and not fill.price
    if fill.quantity <= 0 or not (fill.price > 0 or worthless):
        raise InvariantError(f"The fill {fill.fill_id} trades {fill.quantity} shares at {fill.price} USD.")
    return _sold(held, fill) if fill.side is Side.SELL else _bought(held, fill, session_of)


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


def _split(held: Position, fill: Fill) -> Position:
    """Scale a position to the shares it has after a split: what it cost and its value stay."""
    quantity = held.quantity + (fill.quantity if fill.side is Side.BUY else -fill.quantity)
    if quantity <= 0:
        raise InvariantError(f"The split {fill.fill_id} leaves {quantity} of {held.quantity} {held.symbol}.")
    ratio = held.quantity / quantity
    return replace(
        held,
        quantity=quantity,
        average_price=held.average_price * ratio,
        peak_price=held.peak_price * ratio,
        last_price=held.last_price * ratio,
    )


def _left_pending(pending: tuple[Order, ...], fills: Sequence[Fill]) -> tuple[Order, ...]:
    """Shrink the orders that the fills belong to; filled in full, one is pending no more."""
    filled = quantities(fills)
    left = []
    for order in pending:
        rest = order.quantity - filled.get(order.client_order_id, ZERO)
        if rest > 0:
            left.append(order if rest == order.quantity else replace(order, quantity=rest))
    return tuple(left)
