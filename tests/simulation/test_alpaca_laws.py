"""On Alpaca's stand-in, whatever fails or dies: no order twice, no fill lost, the ledger equals its book."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import BrokerError
from core.ids import is_protective
from core.types import OrderStatus, TradingState
from pipeline.reconciliation import recover
from tests.servers.alpaca_broker_book import BrokerOrder
from tests.servers.alpaca_broker_faults import FaultPlan
from tests.servers.alpaca_broker_wire import activity_json
from tests.simulation.alpaca_desk import Crash, World, week, world
from tests.simulation.desk import Moment, assert_it_did_something

ROUGH = FaultPlan(
    rate_limited=0.04, error_before=0.03, error_after=0.03, drop_before=0.02, drop_after=0.02,
    half_open_before=0.002, half_open_after=0.002, reject_insufficient=0.03, reject_unprocessable=0.03,
    rejected_later=0.03, unfilled=0.1, partial=0.5, waits=0.3, same_instant=0.3, late_activity=0.3,
)  # fmt: skip
SEEDS = (1, 2)
DAYS, DAYS_TO_A_REFUSAL = 6, 8


def assert_equal_to_the_brokers_book(lived: World) -> None:
    """What the ledger says happened is what the broker says happened, and nothing happened twice."""
    book, ledger, engine = lived.stand_in.book, lived.desk.ledger, lived.engine
    orders = {order.client_order_id: order for order in ledger.orders(100_000)}
    theirs_by_name = {order.client_order_id: order for order in book.orders.values() if order.leg_of is None}
    assert set(theirs_by_name) <= set(orders), "the broker has an order that the ledger does not know"
    assert max(book.post_attempts.values(), default=0) <= 1, "an order was sent again"
    resting = {
        name for name, order in theirs_by_name.items() if is_protective(name) and _status(order) == "rests"
    }
    unfinished = {OrderStatus.RECORDED, OrderStatus.SUBMITTED}
    assert {name for name, order in orders.items() if order.status in unfinished} == resting
    theirs = {row.activity_id: activity_json(row) for row in book.activities}
    ours = {fill.fill_id: fill for fill in ledger.fills(100_000)}
    assert set(ours) == set(theirs)
    assert all(fill.quantity == Decimal(theirs[name]["qty"]) for name, fill in ours.items())
    assert engine.portfolio.pending == ()
    held = {name: position.quantity for name, position in engine.portfolio.positions.items()}
    assert held == {name: holding.quantity for name, holding in book.holdings.items()}
    assert engine.portfolio.cash == book.cash
    for name, order in theirs_by_name.items():
        if name not in resting:
            assert orders[name].status.value == _status(order), f"{name}: {order.filled} of {order.quantity}"
    assert_protected(lived)


def _status(order: BrokerOrder) -> str:
    """What became of an order at the broker, by our words: of a group, filled where one of its rows is."""
    ended = {"filled": "filled", "canceled": "cancelled", "expired": "expired", "rejected": "rejected"}
    found = [ended.get(row.status, "rests") for row in (order, *order.legs)]
    return next((status for status in ("rests", "filled") if status in found), found[0])


def assert_protected(lived: World) -> None:
    """All whole shares that are held have a stop resting at the broker, and no more than those."""
    book = lived.stand_in.book
    rest = Counter[str]()
    for order in book.orders.values():
        if order.leg_of is None and _status(order) == "rests" and is_protective(order.client_order_id):
            assert any(row.stop_price for row in (order, *order.legs)), "what rests has a stop"
            rest[order.symbol] += int(order.left)
    whole = {name: int(holding.quantity) for name, holding in book.holdings.items() if holding.quantity >= 1}
    assert rest == whole


def assert_no_intent_twice(lived: World) -> None:
    """Nothing is bought on top of what was bought already: what is held, or on its way, is not bought again."""
    book, bought, held = lived.stand_in.book, dict[str, set[str]](), Counter[str]()
    for row in sorted(book.activities, key=lambda row: row.at):
        symbol, buys = row.fields["symbol"], row.fields["side"] == "buy"
        held[symbol] += int(Decimal(row.fields["qty"]) * 10**6) * (1 if buys else -1)
        if buys:
            bought.setdefault(symbol, set()).add(row.fields["order_id"])
        elif not held[symbol]:
            bought[symbol].clear()
        assert len(bought[symbol]) <= 1, f"{symbol} was bought twice"
    own = [o for o in book.orders.values() if o.leg_of is None and not is_protective(o.client_order_id)]
    for order in own:
        others = (o for o in own if o.symbol == order.symbol and o is not order)
        for other in others:
            ends = other.ended_at or book.now
            assert not other.created_at < order.created_at < ends, f"two orders in {order.symbol} at once"


def live_and_die(lived: World, moments: list[Moment], dice: random.Random) -> int:
    """Live through moments; the process may end at any request, and is started again. Give its deaths."""
    deaths, waiting = 0, list(moments)
    while waiting:
        if lived.api.chances < 0:
            lived.api.chances = dice.randrange(3, 120)
        try:
            lived.live(waiting[0])
            waiting.pop(0)
        except Crash:
            deaths += 1
            start_again(lived)
    return deaths


def start_again(lived: World) -> None:
    """Start as a new process does: it tries until the broker answers."""
    while True:
        lived.die_and_open_again()
        try:
            found = recover(lived.engine)
        except BrokerError:
            continue
        assert found.differences == ()
        return


def test_on_a_perfect_broker_it_trades_and_exits(tmp_path: Path) -> None:
    with world(tmp_path) as lived:
        recover(lived.engine)
        reports = [report for moment in week(DAYS_TO_A_REFUSAL) if (report := lived.live(moment))]
        lived.calm_down()
        assert_it_did_something(reports)
        assert_equal_to_the_brokers_book(lived)
        decided = [o for o in lived.desk.ledger.orders(1000) if not is_protective(o.client_order_id)]
        assert {o.status for o in decided} == {OrderStatus.FILLED}
        assert lived.stand_in.book.post_attempts


@pytest.mark.parametrize("seed", SEEDS)
def test_no_fault_and_no_death_doubles_an_order_or_loses_a_fill(seed: int, tmp_path: Path) -> None:
    with world(tmp_path, seed=seed, plan=ROUGH) as lived:
        start_again(lived)
        deaths = live_and_die(lived, week(DAYS), random.Random(seed))
        lived.calm_down()
        assert_equal_to_the_brokers_book(lived)
        assert_no_intent_twice(lived)
        drawn = lived.stand_in.faults.drawn
        assert deaths > 2
        assert {fill.side.value for fill in lived.desk.ledger.fills(1000)} == {"buy", "sell"}
        assert sum(drawn.values()) > 20, drawn
        assert recover(lived.engine).differences == ()
        assert lived.engine.state is not TradingState.HALTED
