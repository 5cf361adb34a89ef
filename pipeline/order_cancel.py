"""A person cancels one open order: the broker is asked, and the settlement books what had traded before."""

from __future__ import annotations

from collections.abc import Callable

from core.cycles import SETTLE
from core.errors import RequestError
from core.service import OrderRecord
from core.types import Cycle, OrderStatus, StepReport
from pipeline.engine import Engine
from pipeline.fault_policy import step_under_policy

OPEN = (OrderStatus.RECORDED, OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED)


def cancel_order(
    engine: Engine, client_order_id: str, step: Callable[[Engine, Cycle], StepReport] = step_under_policy
) -> OrderRecord:
    """Cancel an order at the broker, and give what the ledger knows of it then.

    It may be done while trading is halted, and twice. Shares that traded before it are held as ever.

    Raises
    ------
    core.errors.RequestError
        404 where the ledger has no such order, 409 where it is not open.
    core.errors.BrokerError
        When the broker cannot be asked, or has not said yet whether it has the order.
    """
    record = _found(engine, client_order_id)
    if record.status not in OPEN:
        raise RequestError(
            f"{client_order_id} is {record.status.value.replace('_', ' ')}: there is nothing to cancel.",
            hint="GET /orders says what became of it; POST /sell sells what is held.",
            status=409,
        )
    engine.parts.broker.cancel(client_order_id)
    step(engine, SETTLE)
    return _found(engine, client_order_id)


def _found(engine: Engine, client_order_id: str) -> OrderRecord:
    record = engine.parts.ledger.order(client_order_id)
    if record is None:
        raise RequestError(f"There is no order {client_order_id}.", hint="GET /orders lists them.", status=404)
    return record
