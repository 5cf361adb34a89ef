"""Round trips: from flat to flat in one symbol, at average cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.money import PRICE_TICK
from core.service import Trade
from core.trading import ZERO
from core.types import Fill, Side


@dataclass(slots=True)
class _Trip:
    """An open round trip: what was bought and sold so far, before fees, and the cash it moved."""

    entry_at: datetime
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    paid: Decimal = ZERO
    received: Decimal = ZERO
    spent: Decimal = ZERO
    profit: Decimal = ZERO


class RoundTrips:
    """Pairs fills into closed trades, one fill after the other.

    A trade begins with the first buy and ends when as much was sold as was bought. Its profit is the cash it
    moved, fees and rounding to the cent included: the profits of all trades add up to the change of cash
    whenever nothing is held.
    """

    def __init__(self) -> None:
        self._open: dict[str, _Trip] = {}
        self._closed: list[Trade] = []

    def add(self, fill: Fill) -> None:
        """Take the next fill."""
        if fill.side is Side.BUY:
            self._buy(self._open.setdefault(fill.symbol, _Trip(fill.at)), fill)
        elif fill.symbol in self._open:
            self._sell(self._open[fill.symbol], fill)

    def newest(self, limit: int) -> Sequence[Trade]:
        """Give up to `limit` closed trades, newest first."""
        return tuple(self._closed[: -limit - 1 : -1])

    def _buy(self, trip: _Trip, fill: Fill) -> None:
        cost = -fill.cash_change
        trip.bought += fill.quantity
        trip.paid += fill.quantity * fill.price
        trip.spent += cost
        trip.profit -= cost

    def _sell(self, trip: _Trip, fill: Fill) -> None:
        trip.sold += fill.quantity
        trip.received += fill.quantity * fill.price
        trip.profit += fill.cash_change
        if trip.sold >= trip.bought:
            del self._open[fill.symbol]
            self._closed.append(_closed(trip, fill))


def _closed(trip: _Trip, last: Fill) -> Trade:
    return Trade(
        symbol=last.symbol,
        quantity=str(trip.bought),
        entry_at=trip.entry_at,
        entry_price=str((trip.paid / trip.bought).quantize(PRICE_TICK)),
        exit_at=last.at,
        exit_price=str((trip.received / trip.sold).quantize(PRICE_TICK)),
        profit_usd=str(trip.profit),
        profit_pct=float(trip.profit / trip.spent),
        exit_rule=last.rule,
    )
