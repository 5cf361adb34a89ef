"""Ledger against broker at a start: what is explained is booked; the rest halts until a person takes it over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from adapters.paper.broker import PaperBroker
from core.cycles import DECIDE_AND_SEND
from core.errors import RequestError
from core.types import ApprovedOrder, Order, OrderStatus, Portfolio, Position, Side, TradingState
from pipeline.account import MOVED_MAX, cash_to_come
from pipeline.reconciliation import Recovery, accept, recover, take_over
from tests.small_engine import CASH, SmallEngine, at_close, enter, small_engine

NOTHING = Recovery(mended=(), differences=())


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Elsewhere:
    """What happened at the broker behind the engine's back."""

    cash: Decimal = Decimal(0)
    quantity: Decimal = Decimal(0)


class Touched(PaperBroker):
    """A broker at which somebody else moves cash and shares of AAPL; the process may end before it is asked."""

    elsewhere = Elsewhere()
    ends = False

    def account(self) -> Portfolio:
        account = super().account()
        positions = dict(account.positions)
        held = positions.get("AAPL")
        if held is not None and self.elsewhere.quantity:
            positions["AAPL"] = structs.replace(held, quantity=held.quantity + self.elsewhere.quantity)
        return structs.replace(account, cash=account.cash + self.elsewhere.cash, positions=positions)

    def submit(self, approved: Sequence[ApprovedOrder]) -> Mapping[str, str]:
        if self.ends:
            raise Killed
        return super().submit(approved)


def started(there: Elsewhere | None = None, *, killed: bool = False) -> SmallEngine:
    class Moved(Touched):
        elsewhere = there or Elsewhere()
        ends = killed

    return small_engine(broker_type=Moved)


def again(made: SmallEngine, *, cash_tolerance_pct: float = 0.0, follows_account: bool = False) -> SmallEngine:
    """The process died; the next one opens the same ledger at the same broker."""
    return small_engine(continued=made, cash_tolerance_pct=cash_tolerance_pct, follows_account=follows_account)


def bought(made: SmallEngine) -> SmallEngine:
    """Decides to buy 100 shares of AAPL, sends it, and sees it filled at the next open."""
    made.team.decisions = [enter("AAPL")]
    made.engine.step(DECIDE_AND_SEND)
    made.clock.set(at_close(1))
    made.team.decisions = []
    made.engine.step(DECIDE_AND_SEND)
    assert made.engine.portfolio.positions["AAPL"].quantity == 100
    assert made.engine.portfolio.cash == CASH - 10_000
    return made


def test_where_both_agree_nothing_happens() -> None:
    made = again(bought(started()))
    assert recover(made.engine) == NOTHING
    assert made.engine.state is TradingState.ACTIVE
    assert accept(made.engine, NOTHING) is NOTHING
    assert accept(made.engine, None) is None


def test_what_filled_while_the_engine_was_away_is_booked_once() -> None:
    made = started()
    made.team.decisions = [enter("AAPL"), enter("XOM")]
    made.engine.step(DECIDE_AND_SEND)
    made.clock.set(at_close(2))
    next_one = again(made)
    found = recover(next_one.engine)
    assert len(found.mended) == 2
    assert all("of while we were away" in line for line in found.mended)
    assert found.differences == ()
    assert next_one.engine.portfolio.cash == made.broker.account().cash == CASH - 20_000
    assert not next_one.engine.portfolio.pending
    assert recover(again(made).engine) == NOTHING
    assert len(made.ledger.fills(10)) == 2


def test_an_order_that_never_reached_the_broker_is_cancelled_and_not_sent_late() -> None:
    made = started(killed=True)
    made.team.decisions = [enter("AAPL")]
    with pytest.raises(Killed):
        made.engine.step(DECIDE_AND_SEND)
    (order,) = made.ledger.unsent_orders()
    next_one = again(made)
    found = recover(next_one.engine)
    assert found.mended == (f"order {order.client_order_id} was recorded but not seen as sent: now cancelled",)
    assert found.differences == ()
    assert [one.status for one in made.ledger.orders(10)] == [OrderStatus.CANCELLED]
    assert not next_one.engine.portfolio.pending
    assert not made.broker.open_orders()


@settings(max_examples=15, deadline=None)
@given(st.decimals("-600", "600", places=2))
def test_cash_is_taken_over_up_to_the_tolerance_and_written_down(change: Decimal) -> None:
    made = again(bought(started(Elsewhere(cash=change))), cash_tolerance_pct=0.005)  # 500 USD of 100,000
    found = recover(made.engine)
    small = abs(change) <= 500
    assert bool(found.differences) is not small
    assert bool(found.mended) is (small and change != 0)
    assert made.engine.state is (TradingState.ACTIVE if small else TradingState.HALTED)
    kept = made.ledger.portfolio()
    assert kept is not None
    assert kept.cash == made.engine.portfolio.cash == CASH - 10_000 + (change if small else 0)
    if small and change:
        (newest,) = made.ledger.decisions(1)
        assert newest.notes == found.mended


@settings(max_examples=15, deadline=None)
@given(st.integers(-100, 100))
def test_a_quantity_that_nothing_explains_halts_until_a_person_takes_it_over(change: int) -> None:
    made = again(bought(started(Elsewhere(quantity=Decimal(change)))), cash_tolerance_pct=0.005)
    found = recover(made.engine)
    if not change:
        assert found == NOTHING
        return
    there = 100 + change
    assert found.differences == (f"AAPL: the ledger holds 100.000000, the broker {there}.000000",)
    assert made.engine.state is TradingState.HALTED
    taken = accept(made.engine, found)
    assert taken is not None
    assert taken.differences == ()
    held = made.engine.portfolio.positions
    assert {symbol: position.quantity for symbol, position in held.items()} == ({"AAPL": there} if there else {})
    equity = made.engine.portfolio.equity
    assert made.engine.portfolio.session_open_equity == made.engine.portfolio.peak_equity == equity


def test_shares_taken_over_count_at_the_feeds_price_whatever_the_broker_says_they_trade_at() -> None:
    made = bought(started())
    view = made.engine.last_view
    assert view is not None
    wild = structs.replace(
        made.engine.portfolio.positions["AAPL"],
        symbol="XOM", last_price=Decimal(10**6), peak_price=Decimal(10**6),
    )  # fmt: skip
    take_over(made.engine, Portfolio(cash=CASH, positions={"XOM": wild}))
    taken = made.engine.portfolio.positions["XOM"]
    assert float(taken.last_price) == float(taken.peak_price) == view.price("XOM")


def test_an_order_placed_by_hand_halts_and_is_named() -> None:
    made = bought(started())
    by_hand = ApprovedOrder(
        order=Order(
            client_order_id="by-hand", decision_id="", symbol="JPM", side=Side.BUY, quantity=Decimal(10),
            reference_price=Decimal(50), rule="",
        ),
        weight=0.0,
    )  # fmt: skip
    made.broker.submit([by_hand])
    next_one = again(made)
    found = recover(next_one.engine)
    assert found.differences == ("order by-hand: buy 10 JPM is open at the broker and is not in the ledger",)
    assert next_one.engine.state is TradingState.HALTED
    with pytest.raises(RequestError, match="still on their way") as refused:
        accept(next_one.engine, found)
    assert refused.value.status == 409
    made.broker.cancel("by-hand")
    taken = accept(next_one.engine, found)
    assert taken is not None
    assert taken.differences == ()


def test_a_dry_run_follows_the_account() -> None:
    made = again(bought(started(Elsewhere(cash=Decimal(12_345), quantity=Decimal(7)))), follows_account=True)
    found = recover(made.engine)
    assert found.differences == ()
    assert found.mended == ("took over the account's cash and positions: a dry run",)
    assert made.engine.state is TradingState.ACTIVE
    assert made.engine.portfolio.cash == CASH - 10_000 + 12_345
    assert made.engine.portfolio.positions["AAPL"].quantity == 107


def test_taking_over_keeps_what_is_known_of_a_position_and_opens_the_others_now() -> None:
    made = bought(started())
    known = made.engine.portfolio.positions["AAPL"]
    made.clock.set(at_close(3))
    foreign = Position(
        symbol="XOM", quantity=Decimal(5), average_price=Decimal(70), entry_at=at_close(0),
        entry_session=at_close(0).date(), peak_price=Decimal(70), last_price=Decimal(80),
    )  # fmt: skip
    gone = structs.replace(foreign, symbol="JPM", quantity=Decimal(0))
    theirs = structs.replace(known, average_price=Decimal(1), entry_at=at_close(3))
    account = Portfolio(cash=Decimal(1_000), positions={"AAPL": theirs, "XOM": foreign, "JPM": gone})
    take_over(made.engine, account)
    held = made.engine.portfolio.positions
    assert set(held) == {"AAPL", "XOM"}
    assert held["AAPL"] == known
    assert (held["XOM"].entry_at, held["XOM"].average_price) == (at_close(3), Decimal(70))
    assert made.engine.portfolio.equity == 1_000 + 10_000 + 400
    take_over(
        made.engine,
        structs.replace(account, positions={"AAPL": structs.replace(theirs, quantity=Decimal(40))}),
    )
    held = made.engine.portfolio.positions
    assert held["AAPL"] == structs.replace(known, quantity=Decimal(40), average_price=Decimal(1))


orders = st.builds(
    lambda side, quantity, price: Order(
        client_order_id="d", decision_id="d", symbol="AAPL", side=side, quantity=Decimal(quantity),
        reference_price=Decimal(price), rule="score",
    ),
    st.sampled_from(Side), st.integers(1, 1_000), st.integers(1, 1_000),
)  # fmt: skip


@given(st.lists(orders, max_size=6), st.data())
def test_whatever_of_the_pending_orders_fills_near_its_price_cash_stays_within_bounds(
    pending: list[Order], data: st.DataObject
) -> None:
    least, most = cash_to_come(Portfolio(cash=CASH, pending=tuple(pending)))
    change = Decimal(0)
    for order in pending:
        filled = data.draw(st.integers(0, int(order.quantity)))
        price = order.reference_price * data.draw(st.decimals("0.5", str(MOVED_MAX), places=2))
        change += filled * price if order.side is Side.SELL else -filled * price
    assert least <= change <= most
