"""From fills to round trips and to what was traded each session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from core.errors import InvariantError
from core.market import Floats
from core.orders import Fill, Side
from core.trading import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """One position from flat to flat, however many fills it took.

    Attributes
    ----------
    bought_usd, sold_usd : Decimal
        Value of all buys and of all sells, before fees.
    fee_usd : Decimal
        Fees of all its fills.
    closing_order_id : str
        The order that made it flat: leads to the exit rule.
    """

    symbol: str
    opened_at: datetime
    closed_at: datetime
    bought_usd: Decimal
    sold_usd: Decimal
    fee_usd: Decimal
    closing_order_id: str

    @property
    def profit_usd(self) -> Decimal:
        """What it earned after fees."""
        return self.sold_usd - self.bought_usd - self.fee_usd

    @property
    def profit_pct(self) -> float:
        """Profit over the money put in, as a fraction."""
        return float(self.profit_usd / self.bought_usd)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Activity:
    """What a strategy did, as arrays.

    Attributes
    ----------
    bought_usd, sold_usd : ndarray of float64, shape (T,)
        Value traded in each session.
    cost_usd : ndarray of float64, shape (T,)
        Fees, spread and slippage paid in each session.
    exposure : ndarray of float64, shape (T,)
        Market value of positions over equity at each close, a fraction.
    profits : ndarray of float64, shape (K,)
        Profit of each round trip as a fraction of the money put in.
    """

    bought_usd: Floats
    sold_usd: Floats
    cost_usd: Floats
    exposure: Floats
    profits: Floats


@dataclass(slots=True)
class _Open:
    """A position that is not flat yet."""

    opened_at: datetime
    quantity: Decimal = ZERO
    bought_usd: Decimal = ZERO
    sold_usd: Decimal = ZERO
    fee_usd: Decimal = ZERO

    def book(self, fill: Fill) -> None:
        """Add one fill."""
        value = fill.quantity * fill.price
        self.fee_usd += fill.fee
        if fill.side is Side.BUY:
            self.quantity += fill.quantity
            self.bought_usd += value
        else:
            self.quantity -= fill.quantity
            self.sold_usd += value


def round_trips(fills: Iterable[Fill]) -> tuple[RoundTrip, ...]:
    """Pair the fills, in order of time, into closed round trips in the order they closed.

    Positions still open at the end are left out. InvariantError when more is sold than was held.
    """
    held: dict[str, _Open] = {}
    closed: list[RoundTrip] = []
    for fill in sorted(fills, key=lambda fill: fill.at):
        position = held.setdefault(fill.symbol, _Open(fill.at))
        position.book(fill)
        if position.quantity < 0:
            raise InvariantError(f"Fill {fill.fill_id} sells more {fill.symbol} than was held.")
        if position.quantity == 0:
            closed.append(_closed(held.pop(fill.symbol), fill))
    return tuple(closed)


def _closed(position: _Open, last: Fill) -> RoundTrip:
    return RoundTrip(
        symbol=last.symbol,
        opened_at=position.opened_at,
        closed_at=last.at,
        bought_usd=position.bought_usd,
        sold_usd=position.sold_usd,
        fee_usd=position.fee_usd,
        closing_order_id=last.client_order_id,
    )


def activity_of(
    fills: Iterable[Fill], sessions: NDArray[np.datetime64], exposure: Floats, *, slippage_bps: float
) -> Activity:
    """Sum the fills by session.

    Parameters
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
        A fill belongs to the session of its UTC date (regular hours never cross midnight UTC).
    exposure : ndarray of float64, shape (T,)
        Market value of positions over equity at each close.
    slippage_bps : float
        Spread and slippage already inside the fill prices, one way, in basis points of the price
        before them; counted as a cost beside the fees.
    """
    fills = tuple(fills)
    days = sessions.astype("datetime64[D]")
    bought, sold, cost = np.zeros((3, len(days)))
    slip = slippage_bps / 1e4
    for fill in fills:
        row = int(np.searchsorted(days, np.datetime64(fill.at.date(), "D")))
        if row == len(days) or days[row] != np.datetime64(fill.at.date(), "D"):
            raise InvariantError(f"Fill {fill.fill_id} at {fill.at} is in none of the sessions.")
        value = float(fill.quantity * fill.price)
        side, sign = (bought, 1) if fill.side is Side.BUY else (sold, -1)
        side[row] += value
        cost[row] += float(fill.fee) + value * slip / (1 + sign * slip)
    profits = np.array([trip.profit_pct for trip in round_trips(fills)], dtype=np.float64)
    return Activity(bought_usd=bought, sold_usd=sold, cost_usd=cost, exposure=exposure, profits=profits)
