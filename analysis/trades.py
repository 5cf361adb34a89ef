"""From fills to round trips and to what was traded each session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import InvariantError
from core.market import Floats
from core.orders import SPLIT, Fill, Side
from core.round_trips import RoundTrip, RoundTripTracker


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
        Profit after fees of each round trip over its cost with fees, a fraction.
    sale_profits : ndarray of float64, shape (S,)
        What each sale brought after fees over what its shares had cost on average, less 1.
    sale_rows : ndarray of int, shape (S,)
        The session of each.
    """

    bought_usd: Floats
    sold_usd: Floats
    cost_usd: Floats
    exposure: Floats
    profits: Floats
    sale_profits: Floats = field(default_factory=lambda: np.empty(0))
    sale_rows: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))


def round_trips(fills: Iterable[Fill]) -> tuple[RoundTrip, ...]:
    """Pair the fills, in order of time, into closed round trips in the order they closed.

    Positions still open at the end are left out. InvariantError when more is sold than was held.
    """
    tracker = RoundTripTracker()
    closed: list[RoundTrip | None] = []
    for fill in sorted(fills, key=lambda fill: fill.at):
        if fill.side is Side.SELL and fill.quantity > tracker.held(fill.symbol):
            raise InvariantError(f"Fill {fill.fill_id} sells more {fill.symbol} than was held.")
        closed.append(tracker.add(fill))
    return tuple(round_trip for round_trip in closed if round_trip is not None)


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
    sale_rows: list[int] = []
    for fill in fills:
        row = int(np.searchsorted(days, np.datetime64(fill.at.date(), "D")))
        if row == len(days) or days[row] != np.datetime64(fill.at.date(), "D"):
            raise InvariantError(f"Fill {fill.fill_id} at {fill.at} is in none of the sessions.")
        value = float(fill.quantity * fill.price)
        if fill.side is Side.SELL and fill.rule != SPLIT:
            sale_rows.append(row)
        side, sign = (bought, 1) if fill.side is Side.BUY else (sold, -1)
        side[row] += value
        cost[row] += float(fill.fee) + value * slip / (1 + sign * slip)
    profits = np.array([round_trip.profit_pct for round_trip in round_trips(fills)], dtype=np.float64)
    return Activity(
        bought_usd=bought,
        sold_usd=sold,
        cost_usd=cost,
        exposure=exposure,
        profits=profits,
        sale_profits=sale_profits(fills),
        sale_rows=np.array(sale_rows, dtype=np.intp),
    )


def sale_profits(fills: Iterable[Fill]) -> Floats:
    """Return what each sale brought after fees over what its shares had cost on average, less 1; shape (S,)."""
    held: dict[str, tuple[float, float]] = {}
    out = []
    for fill in fills:
        quantity, cost = held.get(fill.symbol, (0.0, 0.0))
        if fill.rule == SPLIT:
            change = float(fill.quantity if fill.side is Side.BUY else -fill.quantity)
            held[fill.symbol] = quantity + change, cost
        elif fill.side is Side.BUY:
            held[fill.symbol] = quantity + float(fill.quantity), cost - float(fill.cash_change)
        else:
            part = cost * float(fill.quantity) / quantity if quantity else 0.0
            out.append(float(fill.cash_change) / part - 1.0 if part else 0.0)
            held[fill.symbol] = quantity - float(fill.quantity), cost - part
    return np.array(out, dtype=np.float64)
