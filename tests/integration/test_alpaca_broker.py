"""The Alpaca adapter on the stand-in: its rules, its doubts, its fills, its stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from adapters.alpaca.activities import AccountActivities
from adapters.alpaca.broker import STREAM_DOWN, AlpacaBroker
from adapters.alpaca.capital import WHOLE_ACCOUNT
from adapters.alpaca.order_tracker import OrderTracker
from adapters.alpaca.orders import ENDED
from adapters.alpaca.resting_stops import RestingStops
from adapters.alpaca.trade_updates import WEBSOCKET, TradeUpdates, connect_stream
from adapters.alpaca.trading_client import AlpacaApi, Patience, connect
from adapters.calendar import NyseCalendar
from core.brackets import Bracket
from core.entry_terms import EntryKind, EntryTerms
from core.errors import BrokerError
from core.protection import PositionProtection
from core.service import OrderRecord
from core.types import ApprovedOrder, Fill, MarketView, Order, OrderStatus, Portfolio, Position, Side
from tests.panels import make_panel
from tests.servers.alpaca_broker import KEY, SECRET, alpaca_broker_server
from tests.servers.alpaca_broker import AlpacaBroker as StandIn
from tests.servers.alpaca_broker_book import BrokerOrder
from tests.servers.alpaca_broker_desk import Desk as StandInDesk
from tests.servers.alpaca_broker_faults import FaultPlan, Scripted

OPEN = datetime(2024, 5, 6, 14, 0, tzinfo=UTC)
PRICES = {"AAPL": Decimal(180), "MSFT": Decimal(400)}
PANEL = make_panel(sessions=2, symbols=("AAPL",))
HURRY = Patience(timeout_seconds=0.3, attempts=3, wait_seconds_first=0.001, wait_seconds_max=0.01)
POST = "POST /v2/orders"


@dataclass
class Book:
    """What a ledger would hold of orders."""

    records: dict[str, OrderRecord] = field(default_factory=dict)

    def record_resting(self, orders: Sequence[Order], at: datetime) -> None:
        for each in orders:
            self.mark_sending(each, at)

    def update_status(self, statuses: Mapping[str, str], reasons: Mapping[str, str] | None = None) -> None:
        for name, status in statuses.items():
            self.records[name] = replace(
                self.records[name], status=OrderStatus(status), reason=(reasons or {}).get(name, "")
            )

    def unfinished(self) -> list[OrderRecord]:
        return [record for record in self.records.values() if record.status not in ENDED]

    def mark_sending(self, order: Order, at: datetime) -> None:
        self.records[order.client_order_id] = OrderRecord(
            client_order_id=order.client_order_id, decision_id=order.decision_id, symbol=order.symbol,
            side=order.side, quantity=str(order.quantity), reference_price=str(order.reference_price),
            rule=order.rule, status=OrderStatus.RECORDED, route="Alpaca paper", created_at=at, updated_at=at,
        )  # fmt: skip


@dataclass
class Trading:
    """The adapter on a stand-in."""

    stand_in: StandIn
    broker: AlpacaBroker
    ledger: Book
    stops: RestingStops

    def send(self, name: str, quantity: str, side: Side = Side.BUY, symbol: str = "AAPL") -> str:
        return self.send_all([order(name, quantity, side, symbol)])[name]

    def send_all(self, orders: list[Order]) -> dict[str, str]:
        for each in orders:
            self.ledger.mark_sending(each, self.stand_in.book.now)
        return dict(self.broker.submit([ApprovedOrder(order=each, weight=0.1) for each in orders]))

    def settle(self, **later: int) -> tuple[Fill, ...]:
        return self.broker.settle(view(self.stand_in.book.now + timedelta(**later))).fills

    def tick(self, **values: float) -> None:
        with self.stand_in.book.lock:
            now = self.stand_in.book.now + timedelta(**values)
            StandInDesk(self.stand_in.book).tick(now, {})

    def at(self, moment: datetime) -> None:
        """Let the broker's clock stand at a moment."""
        self.tick(seconds=(moment - self.stand_in.book.now).total_seconds())

    def row(self, name: str) -> BrokerOrder | None:
        with self.stand_in.book.lock:
            return self.stand_in.book.find(name)

    def next_fault(self, fault: str, request: str = POST, count: int = 1) -> None:
        self.stand_in.faults.scripted.append(Scripted(request=request, fault=fault, count=count))

    @property
    def posts(self) -> dict[str, int]:
        return dict(self.stand_in.book.post_attempts)


def order(name: str, quantity: str, side: Side = Side.BUY, symbol: str = "AAPL") -> Order:
    return Order(
        client_order_id=name, decision_id="d", symbol=symbol, side=side, quantity=Decimal(quantity),
        reference_price=PRICES[symbol], rule="score",
    )  # fmt: skip


def view(at: datetime) -> MarketView:
    return MarketView(as_of=at, bars=PANEL)


@contextmanager
def trading_on(stand_in: StandIn, sleep: Callable[[float], None] = lambda _: None) -> Iterator[Trading]:
    with alpaca_broker_server(stand_in):
        client = connect(KEY, SECRET, paper=True, timeout_seconds=0.3, url_override=stand_in.url)
        api, ledger = AlpacaApi(client, HURRY), Book()
        desk = OrderTracker(
            api=api, recorded=ledger.records.get, unfinished=ledger.unfinished,
            calendar=NyseCalendar(),
            since=stand_in.now - timedelta(days=1),
        )  # fmt: skip
        stops = RestingStops(api=api, tracker=desk, ledger=ledger, sleep=sleep)
        activities = AccountActivities(lambda: None, WHOLE_ACCOUNT, stand_in.now, lambda _: ())
        broker = AlpacaBroker("Alpaca paper", api, desk, stops=stops, activities=activities, sleep=sleep)
        yield Trading(stand_in, broker, ledger, stops)
        client._session.close()


@pytest.fixture
def trading() -> Iterator[Trading]:
    with trading_on(StandIn(now=OPEN, prices=PRICES)) as opened:
        yield opened


# --- exactly once ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["error_after", "drop_after", "half_open_after"])
def test_an_order_that_arrived_without_an_answer_is_found_by_its_name(fault: str, trading: Trading) -> None:
    trading.next_fault(fault)
    assert trading.send("one", "10") == OrderStatus.SUBMITTED
    assert trading.posts == {"one": 1}
    assert [fill.client_order_id for fill in trading.settle()] == ["one"]


@pytest.mark.parametrize("fault", ["error_before", "drop_before", "half_open_before", "rate_limited"])
def test_an_order_that_did_not_arrive_is_not_sent_again_and_given_up_in_time(
    fault: str, trading: Trading
) -> None:
    trading.next_fault(fault)
    assert trading.send("one", "10") == OrderStatus.RECORDED
    assert trading.settle() == ()
    assert [o.client_order_id for o in trading.broker.open_orders()] == ["one"], "it may be on the wire"
    assert trading.settle(hours=5) == ()
    assert trading.broker.open_orders(), "until the session is over"
    assert trading.settle(hours=6) == ()
    assert trading.broker.open_orders() == ()
    assert trading.broker.statuses(["one"]) == {}
    assert trading.posts == {}


@pytest.mark.parametrize(
    ("sent_at", "until"),
    [
        (datetime(2024, 11, 29, 15, tzinfo=UTC), datetime(2024, 11, 29, 18, tzinfo=UTC)),  # a half day
        (datetime(2024, 11, 27, 22, tzinfo=UTC), datetime(2024, 11, 29, 18, tzinfo=UTC)),  # before Thanksgiving
        (datetime(2024, 11, 26, 15, tzinfo=UTC), datetime(2024, 11, 26, 21, tzinfo=UTC)),
    ],
)
def test_a_doubt_lasts_until_the_close_that_the_exchange_has(sent_at: datetime, until: datetime) -> None:
    with trading_on(StandIn(now=sent_at, prices=PRICES)) as trading:
        trading.next_fault("drop_before")
        assert trading.send("one", "10") == OrderStatus.RECORDED
        waited = int((until - sent_at).total_seconds())
        trading.settle(seconds=waited - 1)
        assert trading.broker.doubtful_orders() == {"one"}
        trading.settle(seconds=waited)
        assert not trading.broker.doubtful_orders()


@pytest.mark.parametrize(("fault", "slept"), [("drop_after", []), ("drop_before", [0.5, 1.0, 2.0])])
def test_an_unanswered_order_is_asked_for_at_once_and_after_each_wait(fault: str, slept: list[float]) -> None:
    waits: list[float] = []
    with trading_on(StandIn(now=OPEN, prices=PRICES), sleep=waits.append) as trading:
        trading.next_fault(fault)
        trading.send("one", "10")
    assert waits == slept


def test_a_broker_that_falls_silent_gets_no_further_orders_and_is_asked_later(trading: Trading) -> None:
    trading.next_fault("drop_after")
    trading.next_fault("drop_before", "GET /v2/orders:by", count=50)
    statuses = trading.send_all([order("one", "1"), order("two", "1", symbol="MSFT")])
    assert statuses == {"one": "recorded", "two": "cancelled"}
    assert "not sent" in trading.broker.reason("two")
    assert trading.posts == {"one": 1}
    with pytest.raises(BrokerError):
        trading.broker.statuses(["one"])
    trading.stand_in.faults.scripted.clear()
    assert [fill.client_order_id for fill in trading.settle()] == ["one"]


def test_an_account_that_cannot_be_asked_gets_no_order(trading: Trading) -> None:
    trading.next_fault("drop_before", "GET /v2/account", count=50)
    with pytest.raises(BrokerError):
        trading.send("one", "10")
    assert trading.posts == {}


def test_the_vendors_own_retries_are_off(trading: Trading) -> None:
    trading.stand_in.faults.plan = FaultPlan(rate_limited=1.0, only=(POST,))
    began = time.monotonic()
    assert trading.send("one", "10") == OrderStatus.RECORDED
    assert trading.stand_in.faults.drawn["rate_limited"] == 1
    assert time.monotonic() - began < 3, "alpaca-py sleeps 3 s before it sends again"


def test_reads_are_asked_again_and_retry_after_is_honoured(trading: Trading) -> None:
    trading.next_fault("error_before", "GET /v2/orders")
    trading.next_fault("rate_limited", "GET /v2/account/activities")
    trading.send("one", "10")
    assert len(trading.settle()) == 1


# --- rules before the send -------------------------------------------------------------------------------------


def test_each_rule_is_told_and_costs_no_post(trading: Trading) -> None:
    trading.send("held", "10")
    trading.settle()
    book = trading.stand_in.book
    book.not_fractionable.add("MSFT")
    with book.lock:
        trading.stand_in.faults.plan = FaultPlan(unfilled=1.0)
        hand = {"symbol": "AAPL", "qty": "4", "side": "sell", "type": "market", "time_in_force": "day"}
        assert StandInDesk(book).submit(hand).status == 200
    before = trading.posts
    told = {
        "fractionable": trading.send("a", "0.5", symbol="MSFT") + trading.broker.reason("a"),
        "opposite_side": trading.send("b", "1") + trading.broker.reason("b"),
        "shares_free": trading.send("c", "7", Side.SELL) + trading.broker.reason("c"),
        "position_held": trading.send("d", "11", Side.SELL) + trading.broker.reason("d"),
        "buying_power": trading.send("e", "1000", symbol="MSFT") + trading.broker.reason("e"),
    }
    for rule, text in told.items():
        assert text.startswith(f"rejected{rule}: "), text
    assert trading.posts == before


def test_orders_of_one_batch_share_the_buying_power(trading: Trading) -> None:
    statuses = trading.send_all([order("one", "300"), order("two", "200", symbol="MSFT")])
    assert statuses == {"one": "submitted", "two": "rejected"}


@pytest.mark.parametrize(
    ("fault", "code"), [("reject_insufficient", "40310000"), ("reject_unprocessable", "42210000")]
)
def test_the_brokers_refusal_is_told_with_its_code(fault: str, code: str, trading: Trading) -> None:
    trading.next_fault(fault)
    assert trading.send("one", "10") == OrderStatus.REJECTED
    assert code in trading.broker.reason("one")


# --- fills -----------------------------------------------------------------------------------------------------


def test_fills_are_given_until_acknowledged_and_add_up_to_the_order(trading: Trading) -> None:
    trading.stand_in.faults.plan = FaultPlan(partial=1.0, same_instant=1.0)
    trading.send("one", "10")
    fills = trading.settle()
    assert len(fills) > 1
    assert sum(fill.quantity for fill in fills) == 10
    assert {fill.fill_id for fill in trading.settle()} == {fill.fill_id for fill in fills}
    trading.broker.acknowledge([fill.fill_id for fill in fills])
    assert trading.settle() == ()
    assert trading.broker.statuses(["one"]) == {"one": "filled"}


def test_an_order_whose_fill_is_not_listed_yet_still_counts_as_pending(trading: Trading) -> None:
    trading.stand_in.faults.plan = FaultPlan(late_activity=1.0)
    trading.send("one", "10")
    assert trading.settle() == ()
    assert [(o.client_order_id, o.quantity) for o in trading.broker.open_orders()] == [("one", Decimal(10))]
    assert trading.broker.statuses(["one"]) == {"one": "submitted"}
    for _ in range(3):
        trading.tick(minutes=1)
    assert [fill.quantity for fill in trading.settle()] == [10]
    assert trading.broker.open_orders() == ()


def test_what_replaces_an_order_counts_as_the_order(trading: Trading) -> None:
    trading.stand_in.faults.plan = FaultPlan(waits=1.0)
    trading.send("one", "10")
    book = trading.stand_in.book
    with book.lock:
        old = book.find("one")
        assert old is not None
        StandInDesk(book).replace(old, {"qty": "6", "client_order_id": "somebody's"})
    for _ in range(4):
        trading.tick(minutes=1)
    fills = trading.settle()
    assert [(fill.client_order_id, fill.quantity) for fill in fills] == [("one", Decimal(6))]
    assert trading.broker.open_orders() == ()
    assert trading.broker.account().pending == ()


def test_a_strangers_orders_are_shown_but_not_taken_for_ours(trading: Trading) -> None:
    trading.stand_in.faults.plan = FaultPlan(partial=1.0)
    with trading.stand_in.book.lock:
        hand = {"symbol": "AAPL", "qty": "8", "side": "buy", "type": "market", "time_in_force": "day"}
        StandInDesk(trading.stand_in.book).submit({**hand, "client_order_id": "by hand"})
    assert trading.settle() == ()
    assert trading.broker.open_orders() == ()
    account = trading.broker.account()
    assert [(o.client_order_id, o.rule) for o in account.pending] == [("by hand", "foreign")]
    assert 0 < account.positions["AAPL"].quantity < 8


def test_a_cancel_is_asked_for_once_and_its_fills_stay(trading: Trading) -> None:
    trading.stand_in.faults.plan = FaultPlan(unfilled=1.0)
    trading.send("one", "10")
    assert trading.broker.cancel("one") == OrderStatus.CANCELLED
    assert trading.broker.cancel("one") == OrderStatus.CANCELLED
    with pytest.raises(BrokerError, match="no order"):
        trading.broker.cancel("never")


def test_a_strange_answer_is_a_fault_of_the_brokers(trading: Trading) -> None:
    trading.send("one", "10")
    with trading.stand_in.book.lock:
        del trading.stand_in.book.activities[0].fields["price"]
    with pytest.raises(BrokerError, match="cannot be read: "):
        trading.settle()


ENDINGS: dict[str, tuple[OrderStatus | None, str]] = {
    "canceled": (OrderStatus.CANCELLED, "cancelled at Alpaca"),
    "replaced": (OrderStatus.CANCELLED, "cancelled at Alpaca"),
    "expired": (OrderStatus.EXPIRED, "its session ended"),
    "done_for_day": (OrderStatus.EXPIRED, "its session ended"),
    "calculated": (OrderStatus.EXPIRED, "its session ended"),
    "rejected": (OrderStatus.REJECTED, "rejected after it was accepted"),
    **dict.fromkeys(
        ("new", "accepted", "pending_new", "accepted_for_bidding", "stopped", "suspended", "held",
         "pending_cancel", "pending_replace", "partially_filled"),
        (None, ""),
    ),
}  # fmt: skip
"""Each status that Alpaca's document names, but filled: how an order ends with it, and in which words."""


@pytest.mark.parametrize("status", ENDINGS)
@pytest.mark.parametrize("traded", [0, 4])
def test_each_status_ends_an_order_with_a_reason_or_is_told_once_its_session_is_over(
    status: str, traded: int, trading: Trading
) -> None:
    trading.stand_in.faults.plan = FaultPlan(partial=1.0) if traded else FaultPlan(unfilled=1.0)
    trading.send("one", "10")
    with trading.stand_in.book.lock:
        (sent,) = trading.stand_in.book.orders.values()
        for _ in range(9):
            if sent.filled >= traded:
                break
            StandInDesk(trading.stand_in.book).tick(trading.stand_in.book.now + timedelta(minutes=1), {})
    filled = sum((fill.quantity for fill in trading.settle()), Decimal(0))
    assert 0 <= filled < 10
    assert (filled > 0) is bool(traded)
    with trading.stand_in.book.lock:
        sent.status = status
    trading.settle(minutes=1)
    ends_as, words = ENDINGS[status]
    if ends_as is not None:
        assert trading.broker.open_orders() == ()
        assert trading.broker.statuses(["one"]) == {"one": ends_as}
        assert words in trading.broker.reason("one")
        assert (f"{filled:f} shares traded before" in trading.broker.reason("one")) is bool(traded)
        return
    assert [order.quantity for order in trading.broker.open_orders()] == [10 - filled]
    assert trading.broker.notes() == ()
    trading.broker.settle(view(datetime(2024, 5, 6, 21, 30, tzinfo=UTC)))
    (note,) = trading.broker.notes()
    assert f"one is still {status} at Alpaca though its session is over" in note


# --- the stream ------------------------------------------------------------------------------------------------


@contextmanager
def listening(trading: Trading) -> Iterator[tuple[TradeUpdates, list[float]]]:
    woken: list[float] = []
    url = trading.stand_in.stream_url
    updates = TradeUpdates(
        lambda: connect_stream(KEY, SECRET, paper=True, url_override=url),
        lambda: woken.append(time.monotonic()),
    )
    trading.broker._stream = updates
    updates.start()
    until(lambda: updates.connected)
    try:
        yield updates, woken
    finally:
        updates.stop()
        until(lambda: not any(t.name == "alpaca-trade-updates" for t in threading.enumerate()))


def test_the_stream_wakes_and_books_nothing(trading: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEBSOCKET, "close_timeout", 0.1)
    with listening(trading) as (_, woken):
        assert trading.broker.notes() == ()
        time.sleep(0.05)
        trading.stand_in.faults.plan = FaultPlan(duplicate_event=1.0)
        trading.send("one", "10")
        until(lambda: len(woken) == 2)
        assert len(trading.settle()) == 1
    until(lambda: trading.broker.notes() == (STREAM_DOWN,))


def test_a_stream_that_missed_a_fill_is_made_anew(trading: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEBSOCKET, "close_timeout", 0.1)
    with listening(trading) as (updates, woken):
        trading.settle()
        deaf = updates._stream
        trading.stand_in.faults.plan = FaultPlan(lost_event=1.0)
        trading.send("one", "10")
        trading.broker.acknowledge([fill.fill_id for fill in trading.settle()])
        until(lambda: updates._stream is not deaf and updates.connected)
        time.sleep(0.05)
        trading.stand_in.faults.plan = FaultPlan()
        trading.send("two", "10")
        until(lambda: len(woken) == 1)


def until(done: Callable[[], bool]) -> None:
    limit = time.monotonic() + 20
    while not done():
        assert time.monotonic() < limit, "it did not come"
        time.sleep(0.01)


# --- what rests ------------------------------------------------------------------------------------------------


def held(quantity: str, symbol: str = "AAPL") -> Portfolio:
    position = Position(
        symbol=symbol, quantity=Decimal(quantity), average_price=PRICES[symbol], entry_at=OPEN,
        entry_session=OPEN.date(), peak_price=PRICES[symbol], last_price=PRICES[symbol],
    )  # fmt: skip
    return Portfolio(cash=Decimal(1000), positions={symbol: position})


def bracket(decision: str, stop: str | None = "-0.025", target: str | None = "0.04") -> Bracket:
    return Bracket(
        symbol="AAPL", decision_id=decision, stop_loss_pct=None if stop is None else Decimal(stop),
        take_profit_pct=None if target is None else Decimal(target),
    )  # fmt: skip


def rest(trading: Trading, portfolio: Portfolio, *brackets: Bracket) -> PositionProtection:
    """Settle, then let stops rest as the end of a step does."""
    trading.settle()
    trading.stops.rest(brackets, portfolio, trading.stand_in.book.now)
    return trading.stops.protection(portfolio)["AAPL"]


def resting(trading: Trading) -> dict[str, tuple[str, str | None]]:
    """Give quantity and type of what rests at the stand-in, by our name."""
    orders = (o for o in trading.stand_in.book.orders.values() if o.open and o.leg_of is None)
    return {o.client_order_id: (str(o.left), o.kind) for o in orders}


def test_stop_and_target_of_whole_shares_rest_as_one_good_till_cancelled_group(trading: Trading) -> None:
    trading.send("buy", "10.5")
    found = rest(trading, held("10.5"), bracket("d1"))
    (parent,) = (o for o in trading.stand_in.book.orders.values() if o.legs)
    assert (parent.client_order_id, parent.time_in_force, parent.left) == ("d1-AAPL-protect", "gtc", Decimal(10))
    assert (parent.limit_price, parent.legs[0].stop_price) == (Decimal("187.20"), Decimal("175.50"))
    assert (found.quantity, found.bare_quantity) == (Decimal(10), Decimal("0.5"))
    assert "fraction" in found.bare_reason
    assert (found.stop_price, found.target_price) == (Decimal("175.50"), Decimal("187.20"))
    assert trading.broker.open_orders() == (), "what only rests is not on its way"


def test_without_a_target_the_stop_rests_alone_and_without_a_stop_nothing_does(trading: Trading) -> None:
    trading.send("buy", "10")
    rest(trading, held("10"), bracket("d1", target=None))
    assert resting(trading) == {"d1-AAPL-protect": ("10", "stop")}
    found = rest(trading, held("10"), bracket("d2", stop=None))
    assert resting(trading) == {}
    assert found.bare_quantity == 10
    assert "no stop is set" in found.bare_reason


def test_a_level_is_replaced_only_when_it_moved_by_more_than_the_threshold(trading: Trading) -> None:
    trading.send("buy", "10")
    rest(trading, held("10"), bracket("d1"))
    rest(trading, held("10"), bracket("d2", stop="-0.0248"))  # 3.6 ticks
    assert set(resting(trading)) == {"d1-AAPL-protect"}
    found = rest(trading, held("10"), bracket("d3", stop="-0.02"))
    assert set(resting(trading)) == {"d3-AAPL-protect"}
    assert found.stop_price == Decimal("176.40")
    assert trading.ledger.records["d1-AAPL-protect"].status == OrderStatus.CANCELLED


@pytest.mark.parametrize(
    ("price", "rule", "filled_at"), [("170", "stop_loss", "169.966"), ("190", "take_profit", "190")]
)
def test_a_stop_or_target_that_fired_while_nobody_was_there_is_a_fill_like_any(
    price: str, rule: str, filled_at: str, trading: Trading
) -> None:
    trading.send("buy", "10")
    trading.broker.acknowledge([fill.fill_id for fill in trading.settle()])
    rest(trading, held("10"), bracket("d1"))
    restarted = OrderTracker(
        api=trading.stops.api, recorded=trading.ledger.records.get, unfinished=trading.ledger.unfinished,
        calendar=NyseCalendar(),
        since=OPEN - timedelta(days=1),
    )  # fmt: skip
    with trading.stand_in.book.lock:
        StandInDesk(trading.stand_in.book).tick(OPEN + timedelta(days=22), {"AAPL": Decimal(price)})
    fills = restarted.poll(OPEN + timedelta(days=22))
    found = next(fill for fill in fills if fill.side is Side.SELL)
    assert (found.client_order_id, found.quantity, found.rule) == ("d1-AAPL-protect", Decimal(10), rule)
    assert abs(found.price - Decimal(filled_at)) < Decimal("0.05")
    assert restarted.pending == ()
    assert restarted.resting == {}


def test_a_sale_lifts_the_stop_and_one_that_does_not_come_about_puts_it_back(trading: Trading) -> None:
    trading.send("buy", "10")
    rest(trading, held("10"), bracket("d1"))
    trading.next_fault("reject_unprocessable")
    assert trading.send("sale", "10", Side.SELL) == OrderStatus.REJECTED
    assert resting(trading) == {}, "lifted"
    trading.stops.rest([bracket("d2")], held("10"), OPEN)
    assert set(resting(trading)) == {"d2-AAPL-protect"}
    trading.settle()
    assert trading.send("sale2", "10", Side.SELL) == OrderStatus.SUBMITTED
    trading.stops.rest([bracket("d3")], held("10"), OPEN)
    assert resting(trading) == {}, "the sale is on its way: nothing is put back"
    assert {fill.side for fill in trading.settle()} == {Side.BUY, Side.SELL}


def test_a_sale_waits_for_the_end_of_the_cancellation(trading: Trading) -> None:
    trading.send("buy", "10")
    rest(trading, held("10"), bracket("d1"))
    trading.stand_in.faults.plan = FaultPlan(slow_cancel=1.0)
    trading.settle()
    assert trading.send("sale", "10", Side.SELL) == OrderStatus.CANCELLED
    assert "not confirmed" in trading.broker.reason("sale")
    assert trading.posts.get("sale") is None
    trading.tick(minutes=1)
    trading.stand_in.faults.plan = FaultPlan()
    assert rest(trading, held("10"), bracket("d2")).bare_quantity == 0


def test_what_rests_for_nothing_that_is_held_is_cancelled(trading: Trading) -> None:
    trading.send("buy", "10")
    rest(trading, held("10"), bracket("d1"))
    trading.settle()
    trading.stops.rest([], Portfolio(cash=Decimal(0)), OPEN)
    assert resting(trading) == {}


def _by_hand(trading: Trading, name: str) -> None:
    """Place a person's buy far below the market."""
    hand = {"symbol": "AAPL", "qty": "1", "side": "buy", "type": "limit", "time_in_force": "gtc"}
    with trading.stand_in.book.lock:
        StandInDesk(trading.stand_in.book).submit({**hand, "limit_price": "90", "client_order_id": name})


def _end_by_hand(trading: Trading, name: str) -> None:
    placed = trading.stand_in.book.find(name)
    assert placed is not None
    trading.stops.api.delete_order(placed.order_id)


def _refused(trading: Trading) -> list[str]:
    return [name for name, record in trading.ledger.records.items() if record.status == OrderStatus.REJECTED]


def test_beside_a_persons_buy_a_refused_stop_is_asked_for_once_a_session(trading: Trading) -> None:
    trading.send("buy", "10")
    trading.settle()
    _by_hand(trading, "by hand")
    for number in range(5):
        found = rest(trading, held("10"), bracket(f"d{number}"))
        assert found.bare_quantity == 10
        assert "wash trade" in found.bare_reason if number == 0 else "not the engine's" in found.bare_reason
    assert _refused(trading) == ["d0-AAPL-protect"]
    trading.tick(days=1)
    for number in range(2):
        rest(trading, held("10"), bracket(f"next{number}"))
    assert _refused(trading) == ["d0-AAPL-protect", "next0-AAPL-protect"], "once more in the next session"
    _end_by_hand(trading, "by hand")
    assert rest(trading, held("10"), bracket("free")).bare_quantity == 0
    assert set(resting(trading)) == {"free-AAPL-protect"}, "at once when the person's order is gone"


def test_beside_a_persons_buy_a_stop_that_rests_is_not_lifted(trading: Trading) -> None:
    trading.send("buy", "10")
    rest(trading, held("10"), bracket("d1", target=None))
    with trading.stand_in.book.lock:  # Alpaca takes some pairs of which it refuses the second way round
        book = trading.stand_in.book
        stop = book.find("d1-AAPL-protect")
        assert stop is not None
        stop.symbol = "MSFT"
        _by_hand(trading, "by hand")
        stop.symbol = "AAPL"
    found = rest(trading, held("10"), bracket("d2", stop="-0.02", target=None))
    assert found.bare_quantity == 0
    assert found.stop_price == Decimal("175.50"), "an old level is better than none"
    assert trading.send("sale", "10", Side.SELL) == OrderStatus.REJECTED
    assert trading.broker.reason("sale").startswith("opposite_side: ")
    assert set(resting(trading)) == {"d1-AAPL-protect", "by hand"}
    _end_by_hand(trading, "by hand")
    found = rest(trading, held("10"), bracket("d3", stop="-0.02", target=None))
    assert found.stop_price == Decimal("176.40")


@pytest.mark.parametrize("fault", ["error_after", "drop_after", "error_before", "arrives_late"])
def test_a_placing_without_an_answer_never_rests_twice(fault: str, trading: Trading) -> None:
    trading.send("buy", "10")
    trading.next_fault(fault)
    rest(trading, held("10"), bracket("d1"))
    trading.tick(minutes=5)
    found = rest(trading, held("10"), bracket("d2"))
    trading.tick(minutes=5)
    found = rest(trading, held("10"), bracket("d3"))
    assert found.bare_quantity == 0
    assert [quantity for quantity, _ in resting(trading).values()] == ["10"]


@pytest.mark.parametrize("given_up", [False, True])
def test_a_stop_that_arrived_late_and_trades_long_after_it_fired_is_ours(
    given_up: bool, trading: Trading
) -> None:
    trading.send("buy", "10")
    trading.broker.acknowledge([fill.fill_id for fill in trading.settle()])
    trading.stand_in.faults.plan = FaultPlan(waits=1.0)
    trading.next_fault("arrives_late")
    rest(trading, held("10"), bracket("d1"))
    if given_up:
        trading.ledger.update_status({"d1-AAPL-protect": OrderStatus.CANCELLED.value})
    for number in range(2, 5):
        trading.tick(minutes=5)
        rest(trading, held("10"), bracket(f"d{number}"))
    assert set(resting(trading)) & {"d1-AAPL-protect"}, "it has arrived"
    fills: dict[str, Fill] = {}
    for minutes in range(5, 60, 5):
        with trading.stand_in.book.lock:
            now = trading.stand_in.book.now + timedelta(minutes=5)
            StandInDesk(trading.stand_in.book).tick(now, {"AAPL": Decimal(170)})
        fills |= {fill.fill_id: fill for fill in trading.settle()}
        assert trading.broker._tracker.foreign == (), minutes
    assert sum(fill.quantity for fill in fills.values()) == 10
    assert {fill.client_order_id for fill in fills.values()} == {"d1-AAPL-protect"}


def test_a_stop_that_arrives_minutes_late_and_fires_is_ours_and_nobodys_hand_sale(trading: Trading) -> None:
    trading.stand_in.faults.plan = FaultPlan(late_ticks_max=1)
    trading.send("buy", "10")
    trading.next_fault("arrives_late")
    rest(trading, held("10"), bracket("d1"))
    assert resting(trading) == {}
    trading.next_fault("error_before", count=9)  # no other is placed meanwhile
    with trading.stand_in.book.lock:
        trading.stand_in.book.now += timedelta(minutes=6)
    rest(trading, held("10"), bracket("d2"))
    assert trading.ledger.records["d1-AAPL-protect"].status not in ENDED, "it may still arrive"
    trading.stand_in.faults.scripted.clear()
    trading.tick(minutes=6)
    assert set(resting(trading)) == {"d1-AAPL-protect"}
    trading.settle()
    trading.stand_in.faults.plan = FaultPlan(waits=1.0)  # the target is cancelled first, the stop fills later
    with trading.stand_in.book.lock:
        StandInDesk(trading.stand_in.book).tick(None, {"AAPL": Decimal(170)})
    trading.settle()
    assert resting(trading) == {}
    trading.tick(minutes=5)
    (fill,) = trading.settle()[-1:]
    assert (fill.client_order_id, fill.side) == ("d1-AAPL-protect", Side.SELL)
    assert trading.broker._tracker.foreign_fills == ()
    trading.stops.rest([], Portfolio(cash=Decimal(1000)), trading.stand_in.book.now)
    assert trading.ledger.records["d1-AAPL-protect"].status is OrderStatus.FILLED


@pytest.mark.parametrize("given_up", [False, True])
def test_an_order_that_arrives_after_its_session_does_not_wait_for_the_next_open(
    given_up: bool, trading: Trading
) -> None:
    trading.stand_in.faults.plan = FaultPlan(late_ticks_max=1)
    trading.at(datetime(2024, 5, 6, 19, 55, tzinfo=UTC))
    trading.next_fault("arrives_late")
    trading.send("late", "10")
    assert trading.row("late") is None
    if given_up:
        trading.ledger.update_status({"late": OrderStatus.CANCELLED.value})
    trading.at(datetime(2024, 5, 6, 20, 5, tzinfo=UTC))
    arrived = trading.row("late")
    assert arrived is not None
    assert arrived.status == "accepted", "Alpaca keeps it for the next open"
    assert trading.settle() == ()
    trading.at(datetime(2024, 5, 7, 13, 0, tzinfo=UTC))
    assert trading.settle() == ()
    assert trading.broker.open_orders() == ()
    trading.at(datetime(2024, 5, 7, 14, 0, tzinfo=UTC))
    assert trading.settle() == (), "what was decided yesterday does not trade today"
    ended = trading.row("late")
    assert ended is not None
    assert ended.status == "canceled"
    assert trading.broker.reason("late").startswith("missed_session: ")


def test_an_order_decided_while_the_exchange_is_closed_waits_for_the_open(trading: Trading) -> None:
    trading.at(datetime(2024, 5, 6, 20, 5, tzinfo=UTC))
    trading.send("tomorrow", "10")
    assert trading.settle() == ()
    trading.at(datetime(2024, 5, 7, 14, 0, tzinfo=UTC))
    assert [fill.client_order_id for fill in trading.settle()] == ["tomorrow"]


def _replaced(trading: Trading, name: str, **changed: str) -> None:
    """Let a person replace an order by an equal one, or one with another price."""
    with trading.stand_in.book.lock:
        found = trading.stand_in.book.find(name)
        assert found is not None
        answer = StandInDesk(trading.stand_in.book).replace(found, {"qty": str(found.quantity), **changed})
    assert answer.status == 200, answer.body


def test_a_stop_that_a_person_replaced_and_that_fires_between_two_questions_is_ours(
    trading: Trading, monkeypatch: pytest.MonkeyPatch
) -> None:
    trading.send("buy", "10")
    rest(trading, held("10"), bracket("d1"))
    api = trading.stops.api
    listed = api.activities

    def meanwhile(after: str) -> list[dict[str, object]]:
        _replaced(trading, "d1-AAPL-protect")
        with trading.stand_in.book.lock:
            StandInDesk(trading.stand_in.book).tick(None, {"AAPL": Decimal(170)})
        return listed(after)

    monkeypatch.setattr(api, "activities", meanwhile)
    fills = trading.settle()
    assert [(fill.client_order_id, fill.side) for fill in fills[-1:]] == [("d1-AAPL-protect", Side.SELL)]
    assert trading.broker._tracker.foreign_fills == ()


def test_a_stop_alone_that_a_person_moved_stays_ours_and_is_found(trading: Trading) -> None:
    trading.send("buy", "10")
    rest(trading, held("10"), bracket("d1"))
    (parent,) = (order for order in trading.stand_in.book.orders.values() if order.legs)
    leg = parent.legs[0]
    with trading.stand_in.book.lock:
        moved = StandInDesk(trading.stand_in.book)._taken(
            {"symbol": "AAPL", "side": "sell", "qty": "10", "time_in_force": "gtc", "type": "stop",
             "stop_price": "178"}, "moved-by-hand", trading.stand_in.faults.dice("moved"),
        )  # fmt: skip
        moved.replaces, leg.replaced_by, leg.status = leg.order_id, moved.order_id, "replaced"
    found = trading.broker._tracker.find("d1-AAPL-protect")
    assert found is not None and found.left == 10
    assert {row["stop_price"] for row in found.rows} == {None, "178"}
    trading.settle()
    assert trading.broker._tracker.foreign == ()
    with trading.stand_in.book.lock:
        StandInDesk(trading.stand_in.book).tick(None, {"AAPL": Decimal(177)})
    assert [fill.client_order_id for fill in trading.settle()[-1:]] == ["d1-AAPL-protect"]


def test_an_executed_buy_ends_in_the_ledger_though_a_split_doubled_what_it_counts_against(
    trading: Trading,
) -> None:
    trading.send("buy", "10")
    trading.settle()
    records = trading.ledger.records  # a 2-for-1 split was booked before the last fill was listed
    records["buy"] = replace(records["buy"], quantity="20", status=OrderStatus.PARTIALLY_FILLED)
    trading.send("other", "1", symbol="MSFT")
    rest(trading, held("20"), bracket("d1"))
    assert {name: records[name].status for name in ("buy", "other")} == dict.fromkeys(
        ("buy", "other"), OrderStatus.FILLED
    )


@pytest.mark.parametrize("fault", ["error_before", "reject_unprocessable"])
def test_a_decision_that_is_made_twice_places_its_stop_once(fault: str, trading: Trading) -> None:
    trading.send("buy", "10")
    trading.stand_in.faults.scripted.append(Scripted(request="POST /v2/orders", fault=fault))
    for _ in range(2):  # two starts at one moment
        found = rest(trading, held("10"), bracket("d1"))
        assert found.bare_quantity == 10
    assert trading.stand_in.book.post_attempts["d1-AAPL-protect"] <= 1
    assert rest(trading, held("10"), bracket("d2")).quantity == 10


def test_a_part_of_an_entry_is_protected_by_the_step_after_the_next(trading: Trading) -> None:
    trading.stand_in.faults.plan = FaultPlan(partial=1.0)
    trading.send("buy", "10")
    first = sum((fill.quantity for fill in trading.settle()), Decimal(0))
    assert 0 < first < 10
    trading.stops.rest([bracket("d1")], held(str(first)), OPEN)
    found = rest(trading, held(str(first)), bracket("d2"))
    assert found.quantity == int(first), "the rest of the buy is cancelled: what is held comes first"


# --- kinds of entries ------------------------------------------------------------------------------------------


def with_terms(trading: Trading, kind: EntryKind, at: datetime = OPEN) -> Trading:
    trading.broker._terms = EntryTerms(kind=kind, collar_bps=Decimal(50))
    trading.stops.now = lambda: at
    return trading


def test_a_collar_is_a_limit_that_waits_when_the_price_ran_away_and_expires(trading: Trading) -> None:
    with_terms(trading, EntryKind.LIMIT_COLLAR)
    with trading.stand_in.book.lock:
        StandInDesk(trading.stand_in.book).tick(None, {"AAPL": Decimal("181.50")})
    assert trading.send("far", "10") == OrderStatus.SUBMITTED
    (far,) = trading.stand_in.book.orders.values()
    assert (far.kind, far.limit_price, far.time_in_force, far.filled) == (
        "limit",
        Decimal("180.90"),
        "day",
        Decimal(0),
    )
    trading.tick(hours=7)
    assert trading.settle() == ()
    assert trading.broker.statuses(["far"]) == {"far": OrderStatus.EXPIRED}


def test_a_collar_within_reach_trades_at_once_and_a_sale_has_none(trading: Trading) -> None:
    with_terms(trading, EntryKind.LIMIT_COLLAR)
    trading.send("near", "10")
    assert [fill.price for fill in trading.settle()] == [Decimal("180.0360")]
    trading.send("out", "10", Side.SELL)
    assert trading.stand_in.book.find("out").kind == "market"  # type: ignore[union-attr]  # it was sent


def test_an_auctions_order_is_sent_before_the_open_only_and_trades_at_it() -> None:
    before = datetime(2024, 5, 6, 13, 20, tzinfo=UTC)
    with trading_on(StandIn(now=before, prices=PRICES)) as trading:
        with_terms(trading, EntryKind.OPENING_AUCTION, before)
        assert trading.send("early", "10") == OrderStatus.SUBMITTED
        assert trading.stand_in.book.find("early").time_in_force == "opg"  # type: ignore[union-attr]  # it was sent
        trading.tick(minutes=11)
        assert [fill.quantity for fill in trading.settle()] == [Decimal(10)]
        with_terms(trading, EntryKind.OPENING_AUCTION, before + timedelta(minutes=11))
        assert trading.send("late", "10", symbol="MSFT") == OrderStatus.REJECTED
        assert trading.broker.reason("late").startswith("opening_auction: ")


def test_what_is_not_traded_in_fractions_is_rounded_down(trading: Trading) -> None:
    trading.stand_in.book.not_fractionable.add("AAPL")
    assert trading.send("half", "10.5") == OrderStatus.SUBMITTED
    assert [fill.quantity for fill in trading.settle()] == [Decimal(10)]
    assert trading.broker.statuses(["half"]) == {"half": OrderStatus.CANCELLED}
    assert "whole shares" in trading.broker.reason("half")
    assert trading.send("none", "0.5", symbol="AAPL") == OrderStatus.REJECTED
