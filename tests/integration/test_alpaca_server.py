"""The stand-in for Alpaca: alpaca-py works on it unmodified, its faults come from one number, it adds up."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers.alpaca_broker import AlpacaBroker, BrokerAdmin, alpaca_broker_server
from tests.servers.alpaca_broker_desk import Desk
from tests.servers.alpaca_broker_faults import FaultPlan
from tests.servers.daemon import ROOT

NINE, OPEN = datetime(2024, 5, 6, 13, 0, tzinfo=UTC), datetime(2024, 5, 6, 14, 0, tzinfo=UTC)
PRICES = {"AAPL": Decimal(180), "MSFT": Decimal(400), "BRKA": Decimal(600_000)}


@pytest.fixture(scope="module")
def vendor() -> Any:
    """Give alpaca-py's trading half, with the warning of its import kept out of the tests."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "websockets.legacy is deprecated", DeprecationWarning)
        import alpaca.trading.client
        import alpaca.trading.requests
        import alpaca.trading.stream
    return alpaca.trading


@pytest.fixture
def broker() -> Iterator[AlpacaBroker]:
    with alpaca_broker_server(AlpacaBroker(seed=1, now=OPEN, prices=PRICES)) as served:
        yield served


def client(vendor: Any, broker: AlpacaBroker) -> Any:
    return vendor.client.TradingClient("key", "secret", url_override=broker.url)


def market(vendor: Any, symbol: str, quantity: float, side: str, name: str) -> Any:
    return vendor.requests.MarketOrderRequest(
        symbol=symbol, qty=quantity, side=side, time_in_force="day", client_order_id=name
    )


@contextmanager
def driven(broker: AlpacaBroker) -> Iterator[tuple[AlpacaBroker, BrokerAdmin]]:
    with alpaca_broker_server(broker), closing(BrokerAdmin(broker.url)) as drive:
        yield broker, drive


@pytest.fixture
def drive(broker: AlpacaBroker) -> Iterator[BrokerAdmin]:
    with closing(BrokerAdmin(broker.url)) as calls:
        yield calls


def test_the_vendors_client_reads_all_it_needs(vendor: Any, broker: AlpacaBroker) -> None:
    trading = client(vendor, broker)
    order = trading.submit_order(market(vendor, "AAPL", 10.5, "buy", "one"))
    assert (order.status.value, order.filled_qty) == ("filled", "10.5")
    assert trading.get_order_by_client_id("one").id == order.id == trading.get_order_by_id(order.id).id
    assert [row.id for row in trading.get_orders(vendor.requests.GetOrdersRequest(status="all"))] == [order.id]
    assert trading.get_open_position("AAPL").qty == trading.get_all_positions()[0].qty == "10.5"
    paid = (Decimal("10.5") * Decimal("180.036")).quantize(Decimal("0.01"))
    account = trading.get_account()
    assert Decimal(account.cash) == 100_000 - paid
    assert account.pattern_day_trader is None
    assert trading.get_clock().is_open
    assert trading.get_calendar(vendor.requests.GetCalendarRequest(start="2024-05-06", end="2024-05-12"))[4]
    assert trading.get_asset("AAPL").fractionable
    fills = trading.get("/account/activities/FILL", {"direction": "asc", "page_size": 100})
    assert [(row["order_id"], row["qty"], row["price"]) for row in fills] == [(str(order.id), "10.5", "180.036")]


def test_an_order_waits_for_the_session_and_ends_with_it(vendor: Any) -> None:
    plan = FaultPlan(unfilled=1.0)
    with driven(AlpacaBroker(now=NINE, prices=PRICES, plan=plan)) as (broker, drive):
        trading = client(vendor, broker)
        assert trading.submit_order(market(vendor, "AAPL", 1, "buy", "one")).status.value == "accepted"
        drive.call("tick", minutes=60)
        assert trading.get_order_by_client_id("one").status.value == "accepted"
        trading.cancel_order_by_id(trading.get_order_by_client_id("one").id)
        trading.submit_order(market(vendor, "AAPL", 1, "buy", "two"))
        drive.call("tick", now="2024-05-06T16:00:00-04:00")
        statuses = {row["client_order_id"]: row["status"] for row in drive.book()["orders"]}
        assert statuses == {"one": "canceled", "two": "expired"}


def test_refusals_have_alpacas_codes(vendor: Any, broker: AlpacaBroker, drive: BrokerAdmin) -> None:
    trading = client(vendor, broker)
    error = _api_error()
    drive.call("settings", not_fractionable=["BRKA"], not_tradable=["MSFT"])
    drive.call("faults", plan={"unfilled": 1.0})
    trading.submit_order(market(vendor, "AAPL", 10, "buy", "open"))
    cases = {
        ("BRKA", 0.1, "buy"): 40310000, ("AAPL", 1, "sell"): 40310000, ("AAPL", 1e6, "buy"): 40310000,
        ("MSFT", 1, "buy"): 42210000, ("XXXX", 1, "buy"): 42210000,
    }  # fmt: skip
    for (symbol, quantity, side), code in cases.items():
        with pytest.raises(error) as refused:
            trading.submit_order(market(vendor, symbol, quantity, side, f"{symbol}{quantity}{side}"))
        assert f'"code": {code}' in str(refused.value), (symbol, side)
    with pytest.raises(error, match="must be unique"):
        trading.submit_order(market(vendor, "AAPL", 10, "buy", "open"))
    assert drive.book()["post_attempts"]["open"] == 2


REQUEST_FAULTS = [
    "error_before",
    "error_after",
    "drop_before",
    "drop_after",
    "half_open_before",
    "half_open_after",
]


@pytest.mark.parametrize("fault", REQUEST_FAULTS)
def test_a_fault_of_a_post_leaves_it_done_or_not_as_its_name_says(
    fault: str, vendor: Any, broker: AlpacaBroker, drive: BrokerAdmin
) -> None:
    trading = client(vendor, broker)
    trading._retry = 0
    _limit_seconds(trading, 0.3)
    drive.call("faults", next=[{"request": "POST /v2/orders", "fault": fault}])
    with pytest.raises((requests.RequestException, _api_error())):
        trading.submit_order(market(vendor, "AAPL", 1, "buy", "one"))
    orders = drive.book()["orders"]
    assert [row["client_order_id"] for row in orders] == (["one"] if fault.endswith("_after") else [])


def test_rate_limits_say_when_to_come_back(broker: AlpacaBroker, drive: BrokerAdmin) -> None:
    drive.call("faults", plan={"rate_limited": 1.0, "retry_after_seconds": 3, "only": ["GET /v2/clock"]})
    headers = {"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}
    with requests.Session() as session:
        got = session.get(f"{broker.url}/v2/clock", headers=headers)
        assert (got.status_code, got.headers["Retry-After"]) == (429, "3")
        assert session.get(f"{broker.url}/v2/account", headers=headers).status_code == 200
        assert session.get(f"{broker.url}/v2/account").status_code == 401


def test_a_split_changes_shares_and_price_and_no_money(broker: AlpacaBroker, drive: BrokerAdmin) -> None:
    drive.call("order", symbol="AAPL", qty="10", side="buy", type="market", time_in_force="day")
    before = drive.book()
    drive.call("split", symbol="AAPL", ratio=4)
    after = drive.book()
    assert (after["positions"], after["cash"]) == ({"AAPL": "40"}, before["cash"])
    assert Decimal(after["equity"]) == Decimal(before["equity"])
    assert after["activities"][-1]["qty"] == "30"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_the_book_adds_up_and_a_seed_tells_the_whole_story(seed: int) -> None:
    plan = FaultPlan(
        partial=0.5, waits=0.3, unfilled=0.1, same_instant=0.5, late_activity=0.3, duplicate_event=0.2,
        lost_event=0.2, shuffled_events=0.3, rejected_later=0.1, reject_insufficient=0.1,
    )  # fmt: skip
    first, second = (_week(AlpacaBroker(seed=seed, now=NINE, plan=plan, prices=PRICES)) for _ in range(2))
    assert first.book.events == second.book.events
    assert first.book.activities == second.book.activities
    book = first.book
    assert len(book.activities) > 5
    cash, held = Decimal(100_000), dict.fromkeys(PRICES, Decimal(0))
    for row in book.activities:
        sign = 1 if row.fields["side"] == "buy" else -1
        quantity = Decimal(row.fields["qty"])
        cash -= sign * (quantity * Decimal(row.fields["price"])).quantize(Decimal("0.01"))
        held[row.fields["symbol"]] += sign * quantity
    assert cash == book.cash
    assert {name: n for name, n in held.items() if n} == {n: h.quantity for n, h in book.holdings.items()}
    for order in book.orders.values():
        parts = [r.fields for r in book.activities if r.fields["order_id"] == order.order_id]
        assert sum(Decimal(part["qty"]) for part in parts) == order.filled <= order.quantity


def test_the_stream_tells_of_each_order_and_a_frozen_one_answers_no_ping(
    vendor: Any, broker: AlpacaBroker, drive: BrokerAdmin
) -> None:
    heard: list[Any] = []
    stream = vendor.stream.TradingStream("key", "secret", url_override=broker.stream_url)
    stream._websocket_params = {"ping_interval": 0.05, "ping_timeout": 0.1, "close_timeout": 0.05}

    async def hear(update: Any) -> None:
        heard.append(update)

    stream.subscribe_trade_updates(hear)
    thread = threading.Thread(target=stream.run, daemon=True)
    thread.start()
    _until(lambda: stream._running)
    time.sleep(0.05)
    trading = client(vendor, broker)
    trading.submit_order(market(vendor, "AAPL", 1, "buy", "one"))
    _until(lambda: len(heard) == 2)
    assert [(row.event, row.order.client_order_id) for row in heard] == [("new", "one"), ("fill", "one")]
    assert (heard[1].price, heard[1].qty, heard[1].position_qty) == (180.036, 1.0, 1.0)
    first = stream._ws
    drive.call("faults", plan={"stream_frozen": 1.0})
    trading.submit_order(market(vendor, "AAPL", 1, "buy", "two"))
    _until(lambda: stream._ws is not first)
    asyncio.run_coroutine_threadsafe(stream.stop_ws(), stream._loop).result()
    drive.call("calm")
    asyncio.run_coroutine_threadsafe(stream.close(), stream._loop).result()
    thread.join(5)


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "tests.servers.alpaca_broker", "--seed", "3", "--prices", '{"AAPL": "180"}']
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        said = json.loads(child.stdout.readline())
        assert said["pid"] == child.pid
        with closing(BrokerAdmin(said["url"])) as drive:
            drive.call("tick", minutes=45, prices={"AAPL": 181.5})
            assert drive.book()["prices"] == {"AAPL": "181.5"}
        child.stdin.close()
        assert child.wait(5) == 0


def _week(broker: AlpacaBroker) -> AlpacaBroker:
    """Buy and sell for five days without a network."""
    desk, book = Desk(broker.book), broker.book
    for tick in range(5 * 14):
        at = OPEN + timedelta(days=tick // 14, minutes=30 * (tick % 14))
        with book.lock:
            desk.tick(at, {"AAPL": Decimal(170 + tick % 20)})
            body = {"type": "market", "time_in_force": "day", "client_order_id": f"o{tick}"}
            held = book.holdings.get("AAPL")
            free = held.quantity - book.selling("AAPL") if held else Decimal(0)
            if tick % 5 == 4 and free:
                desk.submit({**body, "symbol": "AAPL", "qty": str(free), "side": "sell"})
            elif tick % 3 == 0:
                desk.submit({**body, "symbol": "AAPL", "qty": "7.25", "side": "buy"})
    return broker


def _api_error() -> type[Exception]:
    from alpaca.common.exceptions import APIError

    return APIError


def _limit_seconds(trading: Any, seconds: float) -> None:
    session = trading._session
    asked = session.request
    session.request = lambda *args, **options: asked(*args, **{**options, "timeout": seconds})


def _until(done: Any) -> None:
    limit = time.monotonic() + 5
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.01)
