"""Slippage: against us is positive, either way; what had no reference has none."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.slippage import fill_slippage_bps, slippage_bps
from core.types import Fill, Side


@pytest.mark.parametrize(
    ("side", "price", "bps"),
    [
        (Side.BUY, "100.10", 10.0),
        (Side.BUY, "99.90", -10.0),
        (Side.SELL, "99.90", 10.0),
        (Side.SELL, "101", -100.0),
    ],
)
def test_worse_than_the_reference_is_positive(side: Side, price: str, bps: float) -> None:
    assert slippage_bps(side, Decimal(price), Decimal(100)) == bps


def test_a_resting_target_and_a_split_have_none_and_a_stop_has_its_own_price() -> None:
    fill = Fill(
        fill_id="f", client_order_id="d-AAPL-protect", symbol="AAPL", side=Side.SELL, quantity=Decimal(1),
        price=Decimal("97.00"), fee=Decimal(0), at=datetime(2024, 5, 6, tzinfo=UTC), rule="stop_loss",
    )  # fmt: skip
    stops = {"d-AAPL-protect": Decimal("97.50")}
    assert fill_slippage_bps(fill, stops) == 51.28
    target = {name: getattr(fill, name) for name in fill.__struct_fields__} | {"rule": "take_profit"}
    assert fill_slippage_bps(Fill(**target), stops) is None
    assert fill_slippage_bps(fill, {}) is None
