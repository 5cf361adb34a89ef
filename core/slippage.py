"""Slippage: how much worse than the price its decision stood on an order traded. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from core.ids import is_protective
from core.orders import TAKE_PROFIT, Fill, Side

BPS = 10_000


class Executed(NamedTuple):
    """What of an order has traded, and at which mean price, US dollars."""

    quantity: Decimal
    average_price: Decimal


def slippage_bps(side: Side, price: Decimal, reference_price: Decimal | None) -> float | None:
    """Return how much worse a price is than the reference, basis points; negative for better.

    Implementation shortfall of the part that traded (Perold 1988): a buy above, or a sale below, what the
    decision stood on is a cost. None without a reference.
    """
    if not reference_price or not price:
        return None
    change = float(price / reference_price - 1) * BPS
    return round(change if side is Side.BUY else -change, 2)


def fill_slippage_bps(fill: Fill, reference_prices: Mapping[str, Decimal]) -> float | None:
    """Return a fill's slippage by its order's reference price; None for a split or a resting target."""
    if is_protective(fill.client_order_id) and fill.rule == TAKE_PROFIT:
        return None  # the order's reference is its stop
    return slippage_bps(fill.side, fill.price, reference_prices.get(fill.client_order_id))
