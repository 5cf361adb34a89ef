"""Golden cases, to the cent and the hundredth of it: what a bar does to an order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.brokers.bar_fills import (
    Bar,
    Protection,
    affordable,
    fee,
    first_triggered,
    protection,
    protective_price,
    traded_price,
)
from config.trading import BrokerSettings
from core.types import Order, Side

COSTS = BrokerSettings(spread_bps=3, slippage_bps=2, fee_bps=1)
FREE = BrokerSettings(spread_bps=0, slippage_bps=0, fee_bps=0)
NAN = float("nan")


def resting(trigger: str, name: str = "guard") -> Order:
    return Order(
        client_order_id=name,
        decision_id="d",
        symbol="AAPL",
        side=Side.SELL,
        quantity=Decimal(10),
        reference_price=Decimal("100.00"),
        rule="bracket",
        trigger_price=Decimal(trigger),
    )


@pytest.mark.parametrize(
    ("price", "side", "costs", "expected"),
    [
        (100.0, Side.BUY, COSTS, "100.0350"),
        (100.0, Side.SELL, COSTS, "99.9650"),
        (33.333, Side.BUY, COSTS, "33.3447"),
        (100.0, Side.BUY, FREE, "100.0000"),
        (0.5, Side.SELL, COSTS, "0.4998"),
    ],
)
def test_half_the_spread_and_the_slippage_are_paid(
    price: float, side: Side, costs: BrokerSettings, expected: str
) -> None:
    assert traded_price(price, side, costs) == Decimal(expected)


def test_fee_to_the_cent() -> None:
    assert fee(Decimal("10.5"), Decimal("100.0350"), COSTS) == Decimal("0.11")
    assert fee(Decimal(10), Decimal(100), FREE) == 0


@pytest.mark.parametrize(
    ("cash", "price", "costs", "shares"),
    [
        ("1000.01", "100", FREE, "10.000000"),
        ("1000.00", "100", FREE, "9.999900"),
        ("1000.01", "100", FREE.model_copy(update={"fractional_shares": False}), "10"),
        ("999.99", "100", FREE.model_copy(update={"fractional_shares": False}), "9"),
        ("0.00", "100", COSTS, "0"),
        ("1000.11", "100", COSTS, "10.000000"),
    ],
)
def test_what_cash_can_buy(cash: str, price: str, costs: BrokerSettings, shares: str) -> None:
    bought = affordable(Decimal(cash), Decimal(price), costs)
    assert bought == Decimal(shares)
    assert bought * Decimal(price) + fee(bought, Decimal(price), costs) <= Decimal(cash)


@pytest.mark.parametrize(
    ("trigger", "bar", "expected"),
    [
        ("97", Bar(open=99, high=100, low=97.5), None),
        ("97", Bar(open=99, high=100, low=97.0), 97.0),
        ("97", Bar(open=99, high=100, low=90.0), 97.0),
        ("97", Bar(open=95, high=99, low=94.0), 95.0),
        ("105", Bar(open=99, high=104.9, low=98), None),
        ("105", Bar(open=99, high=105.0, low=98), 105.0),
        ("105", Bar(open=107, high=108, low=101), 107.0),
        ("97", Bar(open=NAN, high=100, low=90), None),
        ("97", Bar(open=99, high=NAN, low=NAN), None),
        ("97", Bar(open=96, high=NAN, low=NAN), 96.0),
    ],
)
def test_where_a_bar_trades_a_resting_sell(trigger: str, bar: Bar, expected: float | None) -> None:
    assert protective_price(resting(trigger), bar) == expected


def test_a_level_below_the_price_is_a_stop_and_above_it_a_target() -> None:
    assert [protection(resting(t)) for t in ("97", "100", "105")] == [
        Protection.STOP,
        Protection.STOP,
        Protection.TARGET,
    ]


@pytest.mark.parametrize(
    ("bar", "name", "price"),
    [
        (Bar(open=100, high=106, low=96), "stop", 97.0),
        (Bar(open=100, high=106, low=98), "target", 105.0),
        (Bar(open=106, high=107, low=96), "target", 106.0),
        (Bar(open=96, high=107, low=95), "stop", 96.0),
    ],
)
def test_of_two_the_first_is_the_one_at_the_open_then_the_stop(bar: Bar, name: str, price: float) -> None:
    hit = first_triggered([resting("105", "target"), resting("97", "stop")], bar)
    assert hit is not None
    assert (hit[0].client_order_id, hit[1]) == (name, price)


def test_of_two_stops_the_higher_is_hit_first() -> None:
    hit = first_triggered([resting("95", "low"), resting("97", "high")], Bar(open=100, high=100, low=90))
    assert hit is not None
    assert hit[0].client_order_id == "high"
    assert first_triggered([resting("95")], Bar(open=100, high=100, low=96)) is None
