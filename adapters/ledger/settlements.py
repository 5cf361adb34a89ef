"""What a step settled, as rows: fills, cash movements, corporate actions, and the orders that those change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from adapters.ledger.database import Cursor
from adapters.ledger.rows import (
    ACTION_COLUMNS,
    FILL_COLUMNS,
    MOVEMENT_COLUMNS,
    action_row,
    fill_row,
    movement_row,
    stamp,
)
from core.times import opening
from core.trading import ZERO
from core.types import ActionKind, CorporateAction, Fill, OrderStatus, StepReport

STATUS_RANK = {
    OrderStatus.PROPOSED: 0,
    OrderStatus.RECORDED: 1,
    OrderStatus.DRY_RUN: 2,
    OrderStatus.SUBMITTED: 3,
    OrderStatus.PARTIALLY_FILLED: 4,
    OrderStatus.CANCELLED: 5,
    OrderStatus.EXPIRED: 5,
    OrderStatus.REJECTED: 5,
    OrderStatus.FILLED: 6,
}
_INSERT_FILL = f"""
    INSERT INTO fills ({FILL_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fill_id) DO NOTHING
"""  # noqa: S608  constants
_INSERT_MOVEMENT = f"""
    INSERT INTO cash_movements ({MOVEMENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (movement_id) DO NOTHING
"""  # noqa: S608  constants
_INSERT_ACTION = f"""
    INSERT INTO corporate_actions ({ACTION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (action_id) DO NOTHING
"""  # noqa: S608  constants
_FILLED_OF = """
    SELECT fills.quantity, orders.quantity FROM fills, orders
    WHERE fills.client_order_id = ? AND orders.client_order_id = ?
"""
_RANK = " ".join(f"WHEN '{status.value}' THEN {rank}" for status, rank in STATUS_RANK.items())
_SET_STATUS = f"""
    UPDATE orders SET status = :status,
        reason = CASE :reason WHEN '' THEN reason ELSE :reason END,
        updated_at = max(created_at, coalesce((SELECT as_of FROM book), ''))
    WHERE client_order_id = :name AND CASE status {_RANK} END < :rank
"""  # noqa: S608  constants
_OPEN_ORDERS_OF = """
    SELECT client_order_id, quantity, reference_price FROM orders
    WHERE symbol = ? AND created_at < ? AND status IN ('recorded', 'submitted', 'partially_filled')
"""
_RESIZE = "UPDATE orders SET quantity = ?, reference_price = ? WHERE client_order_id = ?"


def write_settlement(cursor: Cursor, report: StepReport) -> None:
    """Write what a step settled; what is there already stays as it is."""
    for action in report.actions:
        cursor.execute(_INSERT_ACTION, action_row(action))
        if cursor.rowcount and action.kind is ActionKind.SPLIT:
            _resize_orders(cursor, action)
    cursor.executemany(_INSERT_MOVEMENT, [movement_row(movement) for movement in report.cash_movements])
    _write_fills(cursor, report.fills)


def advance(cursor: Cursor, statuses: Mapping[str, OrderStatus], reasons: Mapping[str, str]) -> None:
    """Move orders on; one that is further already stays where it is."""
    cursor.executemany(
        _SET_STATUS,
        [
            {"status": status.value, "reason": reasons.get(name, ""), "name": name, "rank": STATUS_RANK[status]}
            for name, status in statuses.items()
        ],
    )


def _resize_orders(cursor: Cursor, action: CorporateAction) -> None:
    """Let the orders that were open when a split took effect be in new shares, as they are with the broker."""
    before = stamp(opening(action.ex_date))
    for name, quantity, price in cursor.execute(_OPEN_ORDERS_OF, (action.symbol, before)).fetchall():
        resized, repriced = action.shares(Decimal(quantity)), action.price(Decimal(price))
        cursor.execute(_RESIZE, (str(resized), str(repriced), name))


def _write_fills(cursor: Cursor, fills: Sequence[Fill]) -> None:
    if not fills:
        return
    cursor.executemany(_INSERT_FILL, [fill_row(fill) for fill in fills])
    statuses = {}
    for client_order_id in dict.fromkeys(fill.client_order_id for fill in fills):
        rows = cursor.execute(_FILLED_OF, (client_order_id, client_order_id)).fetchall()
        if rows:  # a fill is a fact even where the order is not ours; reconciliation names it
            filled = sum((Decimal(quantity) for quantity, _ in rows), ZERO)
            whole = filled >= Decimal(rows[0][1])
            statuses[client_order_id] = OrderStatus.FILLED if whole else OrderStatus.PARTIALLY_FILLED
    advance(cursor, statuses, {})
