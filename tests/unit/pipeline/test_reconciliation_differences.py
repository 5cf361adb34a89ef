"""What a start makes of the broker's cash while an order is on its way."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.types import Order, Portfolio, Side
from pipeline.reconciliation import account_differences

CASH, TOLERANCE = Decimal(90_000), Decimal(500)
DIVIDEND = Decimal("17.31")


def coming(side: Side) -> Order:
    return Order(
        client_order_id="d-AAPL", decision_id="d", symbol="AAPL", side=side, quantity=Decimal(10),
        reference_price=Decimal(100), rule="score",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pending", "change", "differs"),
    [
        ((), DIVIDEND, True),  # nothing on its way: what is within the tolerance was taken over before
        ((coming(Side.BUY),), DIVIDEND, False),
        ((coming(Side.SELL),), -DIVIDEND, False),
        ((coming(Side.BUY),), TOLERANCE + 1, True),
        ((coming(Side.BUY),), Decimal(-1100) - TOLERANCE, False),  # bought at a tenth more than it was decided at
        ((coming(Side.BUY),), Decimal(-1101) - TOLERANCE, True),
    ],
)
def test_a_dividend_halts_no_start_while_an_order_is_on_its_way(
    pending: tuple[Order, ...], change: Decimal, differs: bool
) -> None:
    ours = Portfolio(cash=CASH, pending=pending)
    assert bool(account_differences(ours, Portfolio(cash=CASH + change), TOLERANCE)) is differs
