"""The one crossing between prices seen (float) and money booked (Decimal)."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache

CENT = Decimal("0.01")
PRICE_TICK = Decimal("0.0001")
SHARE_TICK = Decimal("0.000001")


@lru_cache(maxsize=256)
def to_decimal(number: float) -> Decimal:
    """Give the decimal that a float is written as: a setting of 0.025 means 0.025. The few are converted once."""
    return Decimal(repr(float(number)))


def to_price(price: float) -> Decimal:
    """Give a price as Decimal dollars, at a hundredth of a cent."""
    return Decimal(repr(float(price))).quantize(PRICE_TICK, ROUND_HALF_EVEN)


def to_cents(amount: Decimal) -> Decimal:
    """Round an amount of money to the cent, half to even."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)
