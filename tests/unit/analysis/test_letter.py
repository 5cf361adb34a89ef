"""The letter's figures: costs, what was sent and refused, and what was missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import strategies as st
from msgspec.structs import replace

from analysis.letter import (
    Execution,
    costs,
    doubts,
    fill_lines,
    missed_stretches,
    refused_lines,
    stale_steps,
    tomorrow_lines,
)
from core.cycles import DECIDE_AND_SEND
from core.orders import SPLIT
from core.types import Fill, Side, StepReport
from tests.small_engine import at_close, enter, small_engine

AT = datetime(2024, 1, 22, 15, tzinfo=UTC)
PRICES = st.decimals(1, 1000, places=2)


def execution(
    side: Side = Side.BUY, price: str = "100", at: str = "100", fee: str = "0", rule: str = "score"
) -> Execution:
    fill = Fill(
        fill_id="1", client_order_id="1", symbol="AAPL", side=side, quantity=Decimal(10), price=Decimal(price),
        fee=Decimal(fee), at=AT, rule=rule,
    )  # fmt: skip
    return Execution(fill, Decimal(at))


def test_a_worse_price_costs_on_both_sides_and_splits_are_no_trades() -> None:
    paid = [execution(price="100.10"), execution(Side.SELL, price="99.90"), execution(rule=SPLIT, price="1")]
    found = costs(paid, 3.5)
    assert found.fills == 2
    assert found.seen_bps == pytest.approx(10.0)
    assert found.cost_usd == pytest.approx(2.0)
    assert [line.cost_bps for line in fill_lines(paid, 3.5)] == pytest.approx([10.0, 10.0])
    assert [line.over_assumed_bps for line in fill_lines(paid, 3.5)] == pytest.approx([6.5, 6.5])
    assert costs([], 3.5).seen_bps is None


def steps(*moments: datetime) -> list[StepReport]:
    small = small_engine()
    small.team.decisions = (enter("AAPL", 0.9), enter("JPM", 0.1))
    report = small.engine.step(DECIDE_AND_SEND)
    return [replace(report, as_of=moment) for moment in moments]


def test_stretches_without_a_step_are_named_in_new_yorks_time() -> None:
    opens, closes = AT, AT + timedelta(hours=3)
    every = [opens + timedelta(minutes=5 * i) for i in range(37)]
    assert not list(missed_stretches(steps(*every), opens, closes))
    gap = [moment for moment in every if not timedelta(hours=1) < moment - opens < timedelta(hours=2)]
    assert list(missed_stretches(steps(*gap), opens, closes)) == ["no step from 11:00 to 12:00 New York"]
    assert list(missed_stretches([], opens, closes)) == ["no step from 10:00 to 13:00 New York"]
    faulty = [replace(step, feed_fault="no bars") for step in steps(*every)]
    assert not list(missed_stretches(faulty, opens, closes))
    assert "no bars" in next(doubts(faulty, opens, closes))
    stale = [replace(steps(opens)[0], as_of=opens + timedelta(minutes=5), stale={"AAPL": "old"})]
    assert list(doubts(stale, opens, closes)) == ["left out as stale, with the number of steps: AAPL (1)"]
    assert (stale_steps(faulty, opens, closes), stale_steps(stale, opens, closes)) == (len(every), 1)
    assert stale_steps(steps(*every), opens, closes) == 0


def test_refusals_are_counted_and_tomorrow_is_the_last_decision_after_the_close() -> None:
    found = steps(at_close(0), at_close(1))
    assert found[0].plan.refused or found[0].plan.approved
    lines = refused_lines(found, ())
    assert all(line.times == 2 for line in lines)
    assert len(lines) == len(found[0].plan.refused)
    orders = [approved.order for approved in found[0].plan.approved]
    assert [line.symbol for line in tomorrow_lines(found, at_close(1))] == [order.symbol for order in orders]
    assert not tomorrow_lines(found, at_close(2))
