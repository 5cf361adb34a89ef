"""Executing a recorded decision: each order once, only while it is current and allowed, and cancelling buys."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.paper.broker import PaperBroker
from core.cycles import DECIDE, DECIDE_AND_SEND, RISK_CHECK, SETTLE
from core.errors import BrokerError, RequestError
from core.service import Execution
from core.types import OrderStatus, Side, StepReport, TradingState
from pipeline.execution import execute, is_decision, newest_decision
from pipeline.fault_policy import step_under_policy
from pipeline.flattening import Flattening
from tests.small_engine import SmallEngine, at_close, enter, leave, small_engine

NAMES = ("AAPL", "JPM", "XOM")


def decided(*symbols: str) -> tuple[SmallEngine, StepReport]:
    made = small_engine()
    made.team.decisions = [enter(symbol) for symbol in symbols]
    report = made.engine.step(DECIDE)
    assert [approved.order.symbol for approved in report.plan.approved] == sorted(symbols)
    assert not made.broker.open_orders()
    return made, report


def statuses(done: Execution) -> set[OrderStatus]:
    assert done.orders
    return {order.status for order in done.orders}


def refused(made: SmallEngine, decision_id: str | None, status: int) -> RequestError:
    with pytest.raises(RequestError) as caught:
        execute(made.engine, decision_id, dry_run=False)
    assert caught.value.status == status
    assert caught.value.hint
    assert not made.broker.open_orders()
    return caught.value


def test_a_dry_run_sends_and_changes_nothing() -> None:
    made, report = decided("AAPL", "JPM")
    before = made.engine.portfolio
    done = execute(made.engine, report.decision_id, dry_run=True)
    assert (done.decision_id, done.dry_run, done.route) == (report.decision_id, True, made.engine.parts.route)
    assert statuses(done) == {OrderStatus.PROPOSED}
    assert made.engine.portfolio == before
    assert not made.broker.open_orders()


@settings(max_examples=15, deadline=None)
@given(st.sets(st.sampled_from(NAMES), min_size=1), st.integers(1, 4))
def test_however_often_a_decision_is_executed_each_order_is_sent_once(symbols: set[str], times: int) -> None:
    made, report = decided(*symbols)
    done = [execute(made.engine, report.decision_id, dry_run=False) for _ in range(times)]
    assert all(one == done[0] for one in done)
    assert statuses(done[0]) == {OrderStatus.SUBMITTED}
    sent = made.broker.open_orders()
    assert {order.client_order_id for order in sent} == {order.client_order_id for order in done[0].orders}
    assert {order.client_order_id for order in made.engine.portfolio.pending} == {o.client_order_id for o in sent}
    assert made.engine.portfolio.trades_today == len(sent) == len(symbols)
    assert made.ledger.portfolio() == made.engine.portfolio
    assert [event.topic for event in made.published.events] == ["order.submitted"] * len(symbols)


def test_what_is_executed_fills_at_the_next_open_and_the_cash_is_right_to_the_cent() -> None:
    made, report = decided("AAPL", "XOM")
    execute(made.engine, report.decision_id, dry_run=False)
    made.clock.set(at_close(1))
    settled = made.engine.step(SETTLE)
    assert {fill.symbol: fill.quantity for fill in settled.fills} == {"AAPL": 100, "XOM": 125}
    assert made.engine.portfolio.cash == Decimal(80_000)
    assert made.engine.portfolio.equity == Decimal(100_000)


def test_the_newest_decision_about_now_is_meant_when_none_is_named() -> None:
    made, report = decided("AAPL")
    made.engine.step(replace(DECIDE, as_of=at_close(0)))
    made.engine.step(RISK_CHECK)
    steps = made.ledger.decisions(10)
    assert [is_decision(step) for step in steps] == [False, False, True]
    assert newest_decision(made.ledger) == report
    assert execute(made.engine, None, dry_run=False).decision_id == report.decision_id


def test_there_is_nothing_to_execute_before_the_first_decision() -> None:
    made = small_engine()
    made.engine.step(RISK_CHECK)
    assert newest_decision(made.ledger) is None
    assert "POST /decide/v3" in refused(made, None, 404).hint


def test_an_unknown_decision_a_what_if_and_an_old_one_are_refused() -> None:
    made, report = decided("AAPL")
    assert "no decision nonsense" in str(refused(made, "nonsense", 404))
    what_if = made.engine.step(replace(DECIDE, as_of=at_close(0)))
    assert what_if.plan.approved
    assert "what-if" in str(refused(made, what_if.decision_id, 409))
    made.clock.set(at_close(1))
    assert "before the bar of 2024-01-23 was known" in str(refused(made, report.decision_id, 409))


def test_a_halted_engine_executes_nothing() -> None:
    made, report = decided("AAPL")
    made.engine.set_state(TradingState.HALTED, "a person said so")
    assert "HALTED" in str(refused(made, report.decision_id, 409))
    made.engine.set_state(TradingState.ACTIVE, "a person said so")
    assert statuses(execute(made.engine, report.decision_id, dry_run=False)) == {OrderStatus.SUBMITTED}


def test_the_limits_of_now_are_what_counts() -> None:
    made, report = decided("AAPL", "JPM")
    made.set_limits("portfolio_limits", max_positions=0)
    assert "max_positions no longer allows it (limit 0, observed 1)" in str(
        refused(made, report.decision_id, 409)
    )
    made.set_limits("portfolio_limits", max_positions=1)
    done = execute(made.engine, report.decision_id, dry_run=False)
    assert sorted((order.symbol, order.status) for order in done.orders) == [
        ("AAPL", OrderStatus.SUBMITTED),
        ("JPM", OrderStatus.PROPOSED),
    ]
    assert [order.symbol for order in made.broker.open_orders()] == ["AAPL"]


class Stubborn(PaperBroker):
    """Does not answer when asked to cancel an order of JPM."""

    def cancel(self, client_order_id: str) -> str:
        if "JPM" in client_order_id:
            raise BrokerError("the broker did not answer")
        return super().cancel(client_order_id)


def with_open_orders() -> SmallEngine:
    """Holds XOM and sells it, while buys of AAPL and JPM wait for the next open."""
    made = small_engine(broker_type=Stubborn)
    made.team.decisions = [enter("XOM")]
    made.engine.step(DECIDE_AND_SEND)
    made.clock.set(at_close(1))
    made.team.decisions = [leave("XOM"), enter("AAPL"), enter("JPM")]
    made.engine.step(DECIDE_AND_SEND)
    assert sorted((order.side, order.symbol) for order in made.broker.open_orders()) == [
        (Side.BUY, "AAPL"),
        (Side.BUY, "JPM"),
        (Side.SELL, "XOM"),
    ]
    return made


def test_a_flatten_leaves_sales_alone_and_tells_once_what_could_not_be_cancelled() -> None:
    made = with_open_orders()
    flattening = Flattening()
    flattening.begin(made.engine)
    settled = step_under_policy(made.engine, flattening.cycle_of(made.engine, RISK_CHECK))
    flattening.go_on(made.engine, RISK_CHECK, settled)
    left = {order.symbol: order.client_order_id for order in made.broker.open_orders()}
    assert set(left) == {"JPM", "XOM"}
    (alert,) = [text for text in made.published.alerts() if "could not be cancelled" in text]
    assert left["JPM"] in alert
    assert "did not answer" in alert
    recorded = {order.symbol: order.status for order in made.ledger.orders(10) if order.side is Side.BUY}
    assert recorded == {
        "AAPL": OrderStatus.CANCELLED,
        "JPM": OrderStatus.SUBMITTED,
        "XOM": OrderStatus.FILLED,
    }
