"""What was recorded is read back before anything of it is sent: within the transaction that wrote it."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.ledger.database import Cursor
from adapters.ledger.kept_records import reading
from core.errors import LedgerError
from core.trading import tighter
from core.types import ApprovedOrder, Order, OrderStatus, StepReport, TradingState

HINT = "Something changes the ledger's file as it is written (a trigger?). Put that right, then POST /resume."


def require_recorded(cursor: Cursor, report: StepReport, body: bytes, portfolio: bytes | None) -> None:
    """Read back a step, its orders, what it settled and the portfolio after it.

    Parameters
    ----------
    body : bytes
        The report as it was written.
    portfolio : bytes or None
        The portfolio as it was written; None where the step does not change it.

    Raises
    ------
    core.errors.LedgerError
        When one is not there as it was written; the transaction is then undone.
    """
    name = report.decision_id
    if _one(cursor, "SELECT report = ? FROM steps WHERE decision_id = ?", body, name) != 1:
        raise _lost(f"the step {name}")
    require_orders(cursor, [approval.order for approval in report.plan.approved])
    _require_money(cursor, report)
    if portfolio is not None:
        if _one(cursor, "SELECT portfolio = ? FROM book", portfolio) != 1:
            raise _lost(f"the portfolio after {name}")
        state = _state(cursor)
        if tighter(state, report.plan.state) is not state:  # a halt may have come while the step ran
            raise _lost(f"the trading state after {name}")


def require_orders(cursor: Cursor, orders: Sequence[Order]) -> None:
    """Read back orders; as `require_recorded`."""
    for order in orders:
        sql = "SELECT quantity = ? FROM orders WHERE client_order_id = ?"
        if _one(cursor, sql, str(order.quantity), order.client_order_id) != 1:
            raise _lost(f"the order {order.client_order_id}")


def _require_money(cursor: Cursor, report: StepReport) -> None:
    for fill in report.fills:
        if _one(cursor, "SELECT 1 FROM fills WHERE fill_id = ?", fill.fill_id) != 1:
            raise _lost(f"the fill {fill.fill_id}")
    for moved in report.cash_movements:
        if _one(cursor, "SELECT 1 FROM cash_movements WHERE movement_id = ?", moved.movement_id) != 1:
            raise _lost(f"the cash movement {moved.movement_id}")
    for action in report.actions:
        if _one(cursor, "SELECT 1 FROM corporate_actions WHERE action_id = ?", action.action_id) != 1:
            raise _lost(f"the corporate action {action.action_id}")


def require_known(cursor: Cursor, report: StepReport) -> None:
    """Read back a step that the ledger took for one it has already; as `require_recorded`."""
    if _one(cursor, "SELECT 1 FROM steps WHERE decision_id = ?", report.decision_id) != 1:
        raise _lost(f"the step {report.decision_id}")


def require_sending(cursor: Cursor, approved: Sequence[ApprovedOrder], status: OrderStatus) -> None:
    """Read back that orders are marked as sent next; as `require_recorded`."""
    for order in (approval.order for approval in approved):
        found = _one(cursor, "SELECT status FROM orders WHERE client_order_id = ?", order.client_order_id)
        if found != status.value:
            raise _lost(f"that the order {order.client_order_id} is sent next")


def require_state(cursor: Cursor, state: TradingState) -> None:
    """Read back the trading state; as `require_recorded`."""
    if _state(cursor) is not state:
        raise _lost(f"the trading state {state.value}")


def _state(cursor: Cursor) -> TradingState:
    with reading("The recorded trading state of ledger.sqlite"):
        return TradingState(str(_one(cursor, "SELECT trading_state FROM book")))


def _one(cursor: Cursor, sql: str, *values: object) -> object:
    row = cursor.execute(sql, values).fetchone()
    return row[0] if row else None


def _lost(what: str) -> LedgerError:
    return LedgerError(f"The ledger was told {what} and does not hold it: nothing of it is sent.", hint=HINT)
