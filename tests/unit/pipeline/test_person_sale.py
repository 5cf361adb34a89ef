"""A person's sale: whole or in part by the road of every exit, refused with its reason otherwise."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.cycles import DECIDE_AND_SEND, SETTLE
from core.errors import RequestError
from core.types import Side
from pipeline.person_sale import sell
from tests.small_engine import SmallEngine, at_close, enter, small_engine


@pytest.fixture
def made() -> SmallEngine:
    made = small_engine()
    made.team.decisions = [enter("AAPL")]
    made.engine.step(DECIDE_AND_SEND)
    made.clock.set(at_close(1))
    made.team.decisions = []
    made.engine.step(SETTLE)
    assert made.engine.portfolio.positions["AAPL"].quantity > 3
    return made


def test_a_part_is_sold_and_more_than_is_held_is_all(made: SmallEngine) -> None:
    held = made.engine.portfolio.positions["AAPL"].quantity
    report = sell(made.engine, "AAPL", Decimal(3))
    (order,) = (approved.order for approved in report.plan.approved)
    assert (order.side, order.quantity, order.rule) == (Side.SELL, Decimal(3), "sell")
    made.clock.set(at_close(2))
    made.engine.step(SETTLE)
    assert made.engine.portfolio.positions["AAPL"].quantity == held - 3
    (rest,) = (a.order for a in sell(made.engine, "AAPL", Decimal(10**6)).plan.approved)
    assert rest.quantity == held - 3


def test_what_is_not_held_or_on_its_way_is_refused_with_the_reason(made: SmallEngine) -> None:
    with pytest.raises(RequestError, match="position_held") as refused:
        sell(made.engine, "JPM", None)
    assert refused.value.status == 409
    sell(made.engine, "AAPL", None)
    with pytest.raises(RequestError, match="duplicate"):
        sell(made.engine, "AAPL", None)
