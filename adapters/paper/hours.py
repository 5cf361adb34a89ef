"""Which opening of the exchange an order waits for."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

from core.times import market_date, opening


@lru_cache(maxsize=8)
def next_opening_date(at: datetime) -> date:
    """Give the first date whose opening is later than `at`; whether it is a session is in the panel."""
    today = market_date(at)
    return today if at < opening(today) else today + timedelta(days=1)
