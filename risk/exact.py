"""Settings and measures as exact decimals: what is written as 0.025 means 0.025."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache


@lru_cache(maxsize=256)
def exact(number: float) -> Decimal:
    """Give the decimal that a float is written as; the few settings are converted once."""
    return Decimal(repr(float(number)))
