"""Golden cases, to the cent and the hundredth of it: what a bar does to an order."""

from __future__ import annotations

from decimal import Decimal

import pytest

from adapters.paper.fill_model import (
    Bar,
    affordable,
    fee,
    protective_fill,
    traded_price,
)
from config.broker import BrokerSettings
from core.brackets import Levels
from core.types import Side

COSTS = BrokerSettings(spread_bps=3, slippage_bps=2, fee_bps=1)
FREE = BrokerSettings(spread_bps=0, slippage_bps=0, fee_bps=0)
NAN = float("nan")


def levels(stop: str, target: str) -> Levels:
    return Levels(Decimal(stop), "stop_loss", Decimal(target), "take_profit")


def test_a_level_that_is_off_closes_nothing() -> None:
    falling = Bar(open=100.0, high=300.0, low=1.0)
    assert protective_fill(Levels(None, None, None, None), falling) is None
    assert protective_fill(Levels(None, None, Decimal(200), "take_profit"), falling) == ("take_profit", 200.0)
    assert protective_fill(Levels(Decimal(90), "stop_loss", None, None), falling) == ("stop_loss", 90.0)


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
    ("bar", "expected"),
    [
        (Bar(open=99, high=104.9, low=97.5), None),
        (Bar(open=99, high=100, low=97.0), ("stop_loss", 97.0)),
        (Bar(open=99, high=100, low=90.0), ("stop_loss", 97.0)),
        (Bar(open=95, high=99, low=94.0), ("stop_loss", 95.0)),
        (Bar(open=96, high=107, low=95), ("stop_loss", 96.0)),
        (Bar(open=99, high=105.0, low=98), ("take_profit", 105.0)),
        (Bar(open=107, high=108, low=101), ("take_profit", 107.0)),
        (Bar(open=106, high=107, low=96), ("take_profit", 106.0)),
        (Bar(open=100, high=106, low=96), ("stop_loss", 97.0)),
        (Bar(open=NAN, high=100, low=90), None),
        (Bar(open=99, high=NAN, low=NAN), None),
        (Bar(open=96, high=NAN, low=NAN), ("stop_loss", 96.0)),
    ],
)
def test_where_a_bar_closes_a_guarded_position(bar: Bar, expected: tuple[str, float] | None) -> None:
    assert protective_fill(levels("97", "105"), bar) == expected
