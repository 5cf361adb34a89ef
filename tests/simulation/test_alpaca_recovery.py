"""What a start at Alpaca finds: the known is mended and written down, the unknown halts until someone resumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from adapters.events.hub import EventHub
from core.cycles import FLATTEN, SETTLE
from core.events import Event
from core.orders import SPLIT
from core.types import Action, Fill, OrderStatus, Side, TradingState
from pipeline.engine import Engine
from pipeline.fills import apply_fills, drop_foreign_fills
from pipeline.reconciliation import recover
from tests.account_engine import account_engine
from tests.servers.alpaca_broker_desk import Desk as StandInDesk
from tests.servers.alpaca_broker_faults import FaultPlan, Scripted
from tests.simulation.alpaca_desk import World, week, world
from tests.simulation.desk import SUBMIT
from tests.simulation.test_alpaca_laws import assert_equal_to_the_brokers_book
from tests.small_engine import enter

DAYS = 2


class Told:
    """Passes events on and keeps the alerts."""

    def __init__(self, hub: EventHub) -> None:
        self._hub = hub
        self.messages: list[str] = []

    def publish(self, topic: str, at: datetime, data: Mapping[str, Any]) -> Event:
        if topic == "risk.alert":
            self.messages.append(str(data["message"]))
        return self._hub.publish(topic, at, data)


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[World]:
    """Give a world whose engine holds positions."""
    with world(tmp_path) as opened:
        recover(opened.engine)
        for moment in week(DAYS):
            opened.live(moment)
        opened.calm_down()
        assert len(opened.engine.portfolio.positions) > 2
        yield opened


def by_hand(lived: World, symbol: str, quantity: Decimal, side: str) -> None:
    """Trade as a person does in Alpaca's own app, on the next morning."""
    with lived.stand_in.book.lock:
        desk, opens = StandInDesk(lived.stand_in.book), lived.stand_in.book.next_session
        desk.tick(opens(opens_after=lived.stand_in.book.now)[0] + timedelta(minutes=5), {})
    by_hand_now(lived, symbol, quantity, side)
    lived.desk.clock.set(lived.stand_in.book.now)


def by_hand_now(lived: World, symbol: str, quantity: Decimal, side: str = "sell") -> None:
    """Trade by hand; what holds the shares back goes first."""
    with lived.stand_in.book.lock:
        desk = StandInDesk(lived.stand_in.book)
        for order in [o for o in lived.stand_in.book.orders.values() if o.open and o.symbol == symbol]:
            assert desk.cancel(order).status == 204
        body = {"symbol": symbol, "qty": str(quantity), "side": side, "type": "market", "time_in_force": "day"}
        assert desk.submit(body).status == 200


def test_fills_that_came_while_we_were_away_are_booked_by_the_start(tmp_path: Path) -> None:
    with world(tmp_path, plan=FaultPlan(waits=1.0)) as lived:
        recover(lived.engine)
        at, _ = week(1)[-1]
        lived.tick(at)
        assert lived.step(at, SUBMIT)
        assert lived.engine.portfolio.pending
        assert not lived.engine.portfolio.positions
        lived.tick(at, minutes=(1, 2, 3, 4))
        lived.die_and_open_again()
        found = recover(lived.engine)
        assert found.differences == ()
        assert found.mended
        assert all("booked the fill" in line for line in found.mended)
        assert lived.engine.portfolio.positions
        assert_equal_to_the_brokers_book(lived)


def test_a_split_overnight_is_no_loss_and_no_difference(lived: World) -> None:
    before = lived.engine.portfolio
    symbol, held = next(iter(before.positions.items()))
    with lived.stand_in.book.lock:
        StandInDesk(lived.stand_in.book).split(symbol, Decimal(4))
    lived.die_and_open_again()
    found = recover(lived.engine)
    assert found.differences == ()
    assert any("split" in line for line in found.mended)
    after = lived.engine.portfolio.positions[symbol]
    assert after.quantity == held.quantity * 4 == lived.stand_in.book.holdings[symbol].quantity
    assert abs(after.average_price * 4 - held.average_price) < Decimal("1e-9")
    assert lived.engine.portfolio.cash == before.cash
    lived.die_and_open_again()
    assert recover(lived.engine).mended == (), "a split is booked once"


@pytest.mark.parametrize(("side", "change"), [(Side.BUY, 3), (Side.SELL, Decimal("0.9"))])
def test_a_split_keeps_the_value_of_a_position(side: Side, change: Decimal, lived: World) -> None:
    book = lived.engine.portfolio
    symbol, held = next(iter(book.positions.items()))
    fill = Fill(
        fill_id="split", client_order_id="", symbol=symbol, side=side, quantity=held.quantity * change,
        price=Decimal(0), fee=Decimal(0), at=held.entry_at, rule=SPLIT,
    )  # fmt: skip
    after = apply_fills(book, [fill], lambda at: at.date())
    assert abs(after.equity - book.equity) < Decimal("0.000001")
    assert abs(after.positions[symbol].peak_price * after.positions[symbol].quantity
               - held.peak_price * held.quantity) < Decimal("0.000001")  # fmt: skip
    stranger = Fill(**{name: getattr(fill, name) for name in fill.__struct_fields__} | {"symbol": "XXXX"})
    assert drop_foreign_fills(book, (fill, stranger)) == (fill,)


def test_a_strangers_trade_is_booked_by_the_start_and_halts_nothing(lived: World) -> None:
    symbol, held = next(iter(lived.engine.portfolio.positions.items()))
    by_hand(lived, symbol, held.quantity, "sell")
    lived.die_and_open_again()
    found = recover(lived.engine)
    assert found.differences == ()
    assert any(f"sell {held.quantity} {symbol}" in line for line in found.mended)
    assert lived.engine.state is TradingState.ACTIVE
    assert symbol not in lived.engine.portfolio.positions
    assert lived.engine.portfolio.cash == lived.stand_in.book.cash
    lived.die_and_open_again()
    assert recover(lived.engine).mended == ()


def test_a_sale_by_hand_under_a_sale_of_ours_is_booked_once_ours_has_ended(lived: World) -> None:
    symbol, held = next(iter(lived.engine.portfolio.positions.items()))
    by_hand(lived, symbol, held.quantity, "sell")
    at = lived.stand_in.book.now + timedelta(minutes=20)
    lived.stand_in.faults.plan = FaultPlan(unfilled=1.0)
    lived.tick(at)
    assert lived.step(at, FLATTEN)
    lived.stand_in.faults.plan = FaultPlan(waits=1.0)
    lived.calm_down()
    held_there = {name: holding.quantity for name, holding in lived.stand_in.book.holdings.items()}
    assert {n: p.quantity for n, p in lived.engine.portfolio.positions.items()} == held_there
    assert lived.engine.portfolio.cash == lived.stand_in.book.cash
    last = lived.engine.parts.account_check.last
    assert last is not None
    assert last.differences == ()


def test_a_send_that_fails_is_told_as_what_it_is_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    with world(tmp_path) as lived:
        recover(lived.engine)
        at, cycle = next((at, cycle) for at, cycle in week(1) if cycle is SUBMIT)
        lived.live((at, SETTLE))  # ledger and account are compared here, so not with the send
        lived.stand_in.faults.scripted.append(
            Scripted(request="GET /v2/positions", fault="drop_before", count=99)
        )
        told = Told(lived.desk.hub)
        lived.engine = Engine(replace(lived.engine.parts, events=told))
        report = lived.step(at, cycle)
        assert report is not None
        assert report.plan.approved
        assert any("could not be sent" in message for message in told.messages)
        assert not any("nothing was decided" in message for message in told.messages)
        assert lived.engine.faults == 1
        orders = lived.desk.ledger.orders(99)
        assert {o.status for o in orders} == {OrderStatus.CANCELLED}, "nobody waits for what was not sent"
        assert all(o.reason.startswith("not sent: ") for o in orders)
        lived.stand_in.faults.scripted.clear()
        lived.live((at + timedelta(minutes=10), SETTLE))
        assert lived.engine.faults == 0
        assert lived.stand_in.book.post_attempts == {}


def test_a_sale_by_hand_beside_an_unanswered_sale_of_ours_leaves_a_stop_and_is_booked_once(lived: World) -> None:
    book, positions = lived.stand_in.book, lived.engine.portfolio.positions
    symbol = max(positions, key=lambda name: positions[name].quantity)
    half = (positions[symbol].quantity / 2).to_integral_value()
    opens = book.next_session(opens_after=book.now)[0] + timedelta(minutes=5)
    lived.tick(opens)
    assert lived.step(opens, SETTLE)
    lived.stand_in.faults.scripted.append(Scripted(request="POST /v2/orders", fault="drop_before"))
    assert lived.step(opens, replace(FLATTEN, symbols=(symbol,)))
    by_hand_now(lived, symbol, half)
    for minutes in (5, 10):
        lived.tick(opens + timedelta(minutes=minutes))
        assert lived.step(opens + timedelta(minutes=minutes), SETTLE)
        assert lived.engine.parts.broker.doubtful_orders()
    (stop,) = [order for order in book.orders.values() if order.open and order.symbol == symbol and order.legs]
    assert stop.quantity == book.holdings[symbol].quantity.to_integral_value(ROUND_DOWN)
    lived.calm_down()
    after = lived.engine.portfolio
    assert after.cash == book.cash
    assert {name: held.quantity for name, held in after.positions.items()} == {
        name: held.quantity for name, held in book.holdings.items()
    }


def test_a_moment_repeated_after_a_death_orders_only_what_the_first_order_left(tmp_path: Path) -> None:
    with account_engine(tmp_path) as made:
        made.step()
        made.stand_in.faults.plan = FaultPlan(partial=1.0)
        (first,) = made.step(enter("AAPL", 0.1)).plan.approved
        made.tick()
        made.start_again()
        recover(made.engine)
        bought = made.held("AAPL")
        assert 0 < bought < first.order.quantity
        resized = structs.replace(enter("AAPL", 0.1), action=Action.RESIZE)
        assert not made.step(resized).plan.approved  # the rest of it is on its way
        made.broker.cancel(first.order.client_order_id)
        (second,) = made.step(resized).plan.approved
        rest = first.order.quantity - bought
        assert rest - Decimal("0.001") <= second.order.quantity <= rest  # the fills' slippage lowers equity
