"""The letter's figures: costs, causes that sum to the difference, and what was missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analysis.letter import (
    Activity,
    Execution,
    causes_of,
    costs,
    fill_lines,
    missed_stretches,
    refused_lines,
    returns_to_date,
    tomorrow_lines,
)
from core.corporate_actions import CashKind, CashMovement
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
    assert [line.cost_bps for line in fill_lines(paid)] == pytest.approx([10.0, 10.0])
    assert costs([], 3.5).seen_bps is None


@given(st.lists(st.tuples(st.sampled_from(Side), PRICES, PRICES), min_size=1, max_size=20), st.floats(-1e5, 1e5))
def test_the_causes_sum_to_the_difference(trades: list[tuple[Side, Decimal, Decimal]], difference: float) -> None:
    account = Activity([execution(side, str(price), str(at), "1") for side, price, at in trades], ())
    other = Activity([execution(side, str(at), str(at)) for side, _, at in trades], ())
    causes = causes_of(account, other, difference, failed=2, missed=1)
    assert sum(cause.usd for cause in causes if cause.usd is not None) == pytest.approx(difference, abs=1e-6)
    told = {cause.name: cause.usd for cause in causes}
    assert told["fees"] == -len(trades)
    assert told["slippage"] == pytest.approx(-costs(account.executions, 0).cost_usd, abs=1e-6)


def test_a_dividend_that_one_of_both_got_is_named() -> None:
    paid = CashMovement(movement_id="d", kind=CashKind.DIVIDEND, symbol="AAPL", amount=Decimal("12.5"), at=AT)
    deposit = CashMovement(movement_id="e", kind=CashKind.DEPOSIT, symbol=None, amount=Decimal(500), at=AT)
    causes = causes_of(Activity((), (paid, deposit)), Activity((), ()), 12.5, failed=0, missed=0)
    told = {cause.name: cause.usd for cause in causes}
    assert told["dividends and other cash"] == 12.5
    assert told["rest"] == 0.0


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
    assert "no bars" in next(missed_stretches(faulty, opens, closes))


def test_refusals_are_counted_and_tomorrow_is_the_last_decision_after_the_close() -> None:
    found = steps(at_close(0), at_close(1))
    assert found[0].plan.refused or found[0].plan.approved
    lines = refused_lines(found, ())
    assert all(line.times == 2 for line in lines)
    assert len(lines) == len(found[0].plan.refused)
    orders = [approved.order for approved in found[0].plan.approved]
    assert [line.symbol for line in tomorrow_lines(found, at_close(1))] == [order.symbol for order in orders]
    assert not tomorrow_lines(found, at_close(2))


def test_returns_to_date_are_over_the_closes_in_common_and_know_no_deposit() -> None:
    account = {"a": (90.0, 0.0), "b": (100.0, 0.0), "c": (160.0, 50.0), "d": (176.0, 0.0)}
    other = {"b": (10.0, 0.0), "c": (10.5, 0.0), "d": (11.0, 0.0)}
    assert returns_to_date(account, other) == pytest.approx((1.1 * 1.1 - 1, 0.1, 100.0))
    assert returns_to_date(account, {"a": (1.0, 0.0)}) is None
