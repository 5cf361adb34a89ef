"""A position: shares held, and what they are measured against."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct

from core.corporate_actions import NOTHING


class Position(Struct, frozen=True, kw_only=True, gc=False):
    """Shares held, long only.

    Attributes
    ----------
    average_price : Decimal
        Mean entry price, US dollars, in shares of today's size and less the dividends since, as vendors adjust:
        the return since entry is total return, and no split or dividend sets off a stop.
    entry_at : datetime
        When the position was opened, UTC.
    entry_session : date
        The session it was opened in.
    peak_price : Decimal
        Highest price seen since, for the trailing stop.
    missed_count : int
        Consecutive sessions in which it was no candidate.
    judged_session : date or None
        The session in which that was last counted: each counts once.
    """

    symbol: str
    quantity: Decimal
    average_price: Decimal
    entry_at: datetime
    entry_session: date
    peak_price: Decimal
    missed_count: int = 0
    last_price: Decimal = NOTHING
    judged_session: date | None = None

    @property
    def value(self) -> Decimal:
        """Market value at the last price seen, US dollars."""
        return self.quantity * self.last_price

    @property
    def profit_pct(self) -> float:
        """Return since entry, as a fraction."""
        return float(self.last_price / self.average_price - 1)
