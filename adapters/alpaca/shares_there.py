"""What the account has of shares that orders of ours may just have sold."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from adapters.alpaca.order_tracker import OrderTracker
from adapters.alpaca.orders import shares_of
from adapters.alpaca.tracked_order import TrackedOrder
from adapters.alpaca.trading_client import AlpacaApi
from core.trading import ZERO


def fired_shares(api: AlpacaApi, tracker: OrderTracker) -> Mapping[str, Decimal]:
    """Ask which orders that protect still rest; give what the others may have sold since the last poll.

    Asked after the positions, it tells a stop that has just sold from shares that a person did.
    """
    if not tracker.resting:
        return {}
    rows = {str(row["id"]): row for row in api.open_orders()}
    shares: dict[str, Decimal] = {}
    for order in tracker.resting.values():
        row, symbol = rows.get(str(order.row["id"])), str(order.row["symbol"])
        left = TrackedOrder(row=row, filled=ZERO).left if row is not None else ZERO
        shares[symbol] = shares.get(symbol, ZERO) + max(order.left - left, ZERO)
    return {symbol: sold for symbol, sold in shares.items() if sold}


def shares_in_doubt(api: AlpacaApi, tracker: OrderTracker, held: Collection[str]) -> Mapping[str, Decimal]:
    """Ask for the account's shares of what is held and has a doubtful order; nothing else is asked for.

    Such an order may have traded, or a person instead of it, and a stop for more than is there is refused.
    """
    doubtful = {order.symbol for order in tracker.pending if order.client_order_id in tracker.doubts}
    asked = doubtful.intersection(held)
    if not asked:
        return {}
    found = {str(row["symbol"]): shares_of(row) for row in api.positions()}
    return {symbol: found.get(symbol, ZERO) for symbol in asked}
