"""The events of orders: `order.submitted` only for what was sent, an end once and with its reason."""

from __future__ import annotations

import pytest

from core.cycles import DECIDE, SETTLE
from core.orders import OrderStatus
from pipeline.engine import HALT_CAME_FIRST
from pipeline.execution import execute
from pipeline.order_events import order_event
from tests.small_engine import SmallEngine, at_close, enter, small_engine


def decided(*symbols: str) -> tuple[SmallEngine, str]:
    made = small_engine()
    made.team.decisions = [enter(symbol) for symbol in symbols]
    return made, made.engine.step(DECIDE).decision_id


def topics(made: SmallEngine) -> list[tuple[str, str, str]]:
    return [
        (event.topic, event.data["ticker"], event.data["reason"])
        for event in made.published.events
        if event.topic.startswith("order.")
    ]


def test_an_order_that_a_halt_overtakes_was_cancelled_not_submitted() -> None:
    made, decision = decided("AAPL")
    made.engine.sending.close()
    execute(made.engine, decision, dry_run=False)
    assert topics(made) == [("order.cancelled", "AAPL", HALT_CAME_FIRST)]
    (record,) = made.ledger.orders(5)
    assert (record.status, record.reason) == (OrderStatus.CANCELLED, HALT_CAME_FIRST)
    made.clock.set(at_close(1))
    made.engine.step(SETTLE)
    assert len(topics(made)) == 1  # its end is published once


def test_an_open_order_that_ends_unfilled_is_published_with_its_reason() -> None:
    made, decision = decided("AAPL", "XOM")
    execute(made.engine, decision, dry_run=False)
    assert {topic for topic, _, _ in topics(made)} == {"order.submitted"}
    (one, _) = made.broker.open_orders()
    made.broker.cancel(one.client_order_id)
    made.engine.step(SETTLE)
    assert topics(made)[2:] == [("order.cancelled", one.symbol, "cancelled on request")]
    made.clock.set(at_close(1))
    made.engine.step(SETTLE)  # the other fills
    assert len(topics(made)) == 3


@pytest.mark.parametrize(
    ("status", "topic"),
    [("submitted", "order.submitted"), ("rejected", "order.refused"), ("expired", "order.expired"),
     ("dry_run", None), ("recorded", None), ("proposed", None)],
)  # fmt: skip
def test_each_status_has_its_topic_and_what_was_not_sent_has_none(status: str, topic: str | None) -> None:
    made, decision = decided("AAPL")
    order = made.ledger.orders_of(decision)[0]
    event = order_event(order, status, "here", "why")
    assert (event[0] if event else None) == topic
    if event:
        assert (event[1]["reason"], event[1]["status"]) == ("why", status)
