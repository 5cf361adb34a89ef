"""What every source of daily bars must keep to; an author runs `check_feed` on his own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from core.market import FIELDS
from core.ports import BarSource
from core.types import BarPanel


def check_feed(source: BarSource, symbols: Sequence[str], start: date, end: date) -> BarPanel:
    """Fetch twice and check what came: the span, the symbols asked for, sound bars, the same bars again.

    Raises
    ------
    AssertionError
        With the law that is broken.
    """
    found = source.bars(symbols, start, end)
    assert found.symbols == tuple(symbols), "one column for each symbol asked for, in that order"
    days = found.sessions.astype("datetime64[D]")
    assert len(days), "there are sessions in the span"
    assert days[0] >= np.datetime64(start), "nothing before the span"
    assert days[-1] <= np.datetime64(end), "nothing after the span"
    assert (found.known_at.astype("datetime64[D]") >= days).all(), "a bar is known after its session"
    there = np.isfinite(found.close)
    assert there.any(), "there are bars"
    for field in FIELDS:
        assert (np.isfinite(getattr(found, field)) == there).all(), "a bar is whole or not there"
    high, low = found.high[there], found.low[there]
    tolerance = 1e-9 * high
    assert (low > 0).all(), "prices are above 0"
    for field in ("open", "close"):
        value = getattr(found, field)[there]
        assert (value <= high + tolerance).all(), f"{field} is at most the high"
        assert (value >= low - tolerance).all(), f"{field} is at least the low"
    again = source.bars(symbols, start, end)
    assert again.digest == found.digest, "the same question has the same answer"
    later = source.bars(symbols, start, days[-2].astype(object))
    if later.digest:
        assert later.digest == found.prefix(len(later.sessions)).digest, "a shorter span has the same bars"
    return found
