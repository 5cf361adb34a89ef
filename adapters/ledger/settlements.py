"""What a step settled, as rows: fills, cash movements, corporate actions, and the orders that those change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from math import prod

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
from core.money import SHARE_TICK
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
_FILLED = "SELECT quantity FROM fills WHERE client_order_id = ?"
_FILLED_BEFORE = f"{_FILLED} AND at < ?"
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
_SPLITS_OF = "SELECT ratio, ex_date FROM corporate_actions WHERE symbol = ? AND kind = 'split'"
_ORDERED = "SELECT quantity FROM orders WHERE client_order_id = ?"
_ORDER_AGAIN = "UPDATE orders SET quantity = ? WHERE client_order_id = ?"


def write_settlement(cursor: Cursor, report: StepReport) -> None:
    """Write what a step settled; what is there already stays as it is."""
    for action in report.actions:
        if action.kind is ActionKind.SPLIT:  # an order that they complete is not resized
            _write_fills(cursor, [fill for fill in report.fills if fill.at < opening(action.ex_date)])
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
    """Let what was left to trade of open orders when a split took effect be in new shares, as with the broker."""
    before = stamp(opening(action.ex_date))
    orders = cursor.execute(_OPEN_ORDERS_OF, (action.symbol, before)).fetchall()
    for name, quantity, price in orders:
        filled = _total(cursor.execute(_FILLED_BEFORE, (name, before)))
        resized = filled + action.shares(Decimal(quantity) - filled)
        cursor.execute(_RESIZE, (str(resized), str(action.price(Decimal(price))), name))
    _advance_filled(cursor, [name for name, _, _ in orders])


def _write_fills(cursor: Cursor, fills: Sequence[Fill]) -> None:
    for fill in fills:
        cursor.execute(_INSERT_FILL, fill_row(fill))
        if cursor.rowcount:
            _order_old_shares(cursor, fill)
    _advance_filled(cursor, [fill.client_order_id for fill in fills])


def _advance_filled(cursor: Cursor, client_order_ids: Sequence[str]) -> None:
    """Move orders on by what has traded of them."""
    statuses = {}
    for name in dict.fromkeys(client_order_ids):
        ordered = cursor.execute(_ORDERED, (name,)).fetchone()
        filled = _total(cursor.execute(_FILLED, (name,)))
        if ordered and filled:  # a fill is a fact even where the order is not ours; reconciliation names it
            whole = filled >= Decimal(ordered[0])
            statuses[name] = OrderStatus.FILLED if whole else OrderStatus.PARTIALLY_FILLED
    advance(cursor, statuses, {})


def _order_old_shares(cursor: Cursor, fill: Fill) -> None:
    """Take back the resizing of shares that had traded before a split and are listed after it."""
    splits = cursor.execute(_SPLITS_OF, (fill.symbol,)).fetchall()
    later = [Decimal(ratio) for ratio, ex_date in splits if fill.at < opening(date.fromisoformat(ex_date))]
    ordered = cursor.execute(_ORDERED, (fill.client_order_id,)).fetchone() if later else None
    if ordered is not None:
        quantity = Decimal(ordered[0]) - fill.quantity * (prod(later) - 1)
        cursor.execute(_ORDER_AGAIN, (str(quantity.quantize(SHARE_TICK)), fill.client_order_id))


def _total(rows: Iterable[tuple[str]]) -> Decimal:
    return sum((Decimal(quantity) for (quantity,) in rows), ZERO)
