"""One open order is cancelled; what has ended, or never was, is refused with its reason."""

from __future__ import annotations

import pytest

from core.cycles import DECIDE_AND_SEND, SETTLE
from core.errors import RequestError
from core.types import OrderStatus
from pipeline.order_cancel import cancel_order
from tests.small_engine import at_close, enter, small_engine


def test_an_open_order_is_cancelled_and_buys_nothing_any_more() -> None:
    made = small_engine()
    made.team.decisions = [enter("AAPL")]
    (order,) = (approved.order for approved in made.engine.step(DECIDE_AND_SEND).plan.approved)
    assert cancel_order(made.engine, order.client_order_id).status is OrderStatus.CANCELLED
    assert not made.engine.portfolio.pending
    made.team.decisions = []
    made.clock.set(at_close(1))
    made.engine.step(SETTLE)
    assert not made.engine.portfolio.positions
    with pytest.raises(RequestError, match="is cancelled: there is nothing to cancel"):
        cancel_order(made.engine, order.client_order_id)


def test_what_is_filled_proposed_or_unknown_is_refused() -> None:
    made = small_engine()
    made.team.decisions = [enter("AAPL")]
    (order,) = (approved.order for approved in made.engine.step(DECIDE_AND_SEND).plan.approved)
    made.team.decisions = []
    made.clock.set(at_close(1))
    made.engine.step(SETTLE)
    held = made.engine.portfolio.positions["AAPL"].quantity
    with pytest.raises(RequestError, match="is filled") as filled:
        cancel_order(made.engine, order.client_order_id)
    assert filled.value.status == 409
    with pytest.raises(RequestError) as unknown:
        cancel_order(made.engine, "nobody-s")
    assert unknown.value.status == 404
    assert made.engine.portfolio.positions["AAPL"].quantity == held
