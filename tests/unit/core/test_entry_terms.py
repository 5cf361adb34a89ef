"""Kinds of entries: the collar's limit, the auction's hours, exits always at the market."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.entry_terms import MARKET_ENTRY, EntryKind, EntryTerms
from core.types import Order, Side

COLLAR = EntryTerms(kind=EntryKind.LIMIT_COLLAR, collar_bps=Decimal(50))
AUCTION = EntryTerms(kind=EntryKind.OPENING_AUCTION)


def order(price: Decimal, side: Side = Side.BUY) -> Order:
    return Order(
        client_order_id="one", decision_id="d", symbol="AAPL", side=side, quantity=Decimal(1),
        reference_price=price, rule="score",
    )  # fmt: skip


@given(st.decimals("0.01", "5000", places=4))
def test_a_collar_never_pays_more_than_its_basis_points_and_is_a_price_of_exchanges(
    price: Decimal,
) -> None:
    limit = COLLAR.limit_price(order(price))
    assert limit is not None
    assert limit <= price * Decimal("1.005")
    assert price * Decimal("1.005") - limit < (Decimal("0.01") if limit >= 1 else Decimal("0.0001")) * 2
    assert limit == round(limit, 2) or limit < 1


def test_a_sale_has_no_limit_and_no_auction() -> None:
    sale = order(Decimal(100), Side.SELL)
    assert COLLAR.limit_price(sale) is None
    assert not AUCTION.in_auction(sale)
    assert MARKET_ENTRY.limit_price(order(Decimal(100))) is None


@pytest.mark.parametrize(
    ("at", "taken"),
    [((13, 27), True), ((13, 28), False), ((13, 30), False), ((22, 59), False), ((23, 0), True)],
)
def test_the_auction_takes_orders_until_two_minutes_before_the_open(at: tuple[int, int], taken: bool) -> None:
    moment = datetime(2024, 5, 6, *at, tzinfo=UTC)
    assert (AUCTION.refusal(order(Decimal(100)), moment) == "") is taken
    assert COLLAR.refusal(order(Decimal(100)), moment) == ""
