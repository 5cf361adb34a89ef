"""Alpaca's rules, checked before an order is sent: a refusal then costs no request and names its rule. Pure.

Nothing here looks at the pattern-day-trader fields: they are gone since July 2026.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal

from msgspec.structs import replace

from adapters.alpaca.orders import number, shares_of, trades_shares
from adapters.alpaca.trading_client import JsonObject
from core.trading import ZERO
from core.types import Order, Side

OPEN = "ACTIVE"
BLOCKS = ("trading_blocked", "account_blocked", "trade_suspended_by_user")


def restriction_of(account: JsonObject) -> str:
    """Say what keeps an account from trading; empty when nothing does."""
    blocked = next((name for name in BLOCKS if account.get(name)), "")
    status = str(account.get("status") or OPEN)
    return blocked or ("" if status == OPEN else f"status {status}")


@dataclass(slots=True, kw_only=True)
class AccountSnapshot:
    """What the account may still do; each order that goes out takes its share.

    Attributes
    ----------
    power_usd : Decimal
        Buying power. Open sells add nothing to it before they fill.
    held, free : mapping of str to Decimal
        Shares by symbol: all, and those no open order holds back.
    open_sides : mapping of str to set of Side
        Which sides have an open order, by symbol.
    """

    blocked: str
    power_usd: Decimal
    held: dict[str, Decimal] = field(default_factory=dict)
    free: dict[str, Decimal] = field(default_factory=dict)
    open_sides: dict[str, set[Side]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, account: JsonObject, positions: Iterable[JsonObject], open_orders: Iterable[JsonObject]
    ) -> AccountSnapshot:
        """Read Alpaca's account, positions and open orders."""
        snapshot = cls(
            blocked=restriction_of(account),
            power_usd=number(account, "buying_power"),
        )
        for row in positions:
            snapshot.held[row["symbol"]] = shares_of(row)
            snapshot.free[row["symbol"]] = number(row, "qty_available" if "qty_available" in row else "qty")
        for row in filter(trades_shares, open_orders):
            snapshot.open_sides.setdefault(row["symbol"], set()).add(Side(row["side"]))
        return snapshot

    def refusal(self, order: Order, asset: JsonObject | None) -> str:
        """Say which rule forbids an order, and why; empty when none does."""
        if self.blocked:
            return f"account_open: the account is closed to trading ({self.blocked})"
        return _asset_refusal(order, asset) or self._conflict(order) or self._uncovered(order)

    def take(self, order: Order) -> None:
        """Count an order that goes out."""
        self.open_sides.setdefault(order.symbol, set()).add(order.side)
        if order.side is Side.BUY:
            self.power_usd -= order.quantity * order.reference_price
        else:
            self.free[order.symbol] -= order.quantity

    def _conflict(self, order: Order) -> str:
        other = Side.SELL if order.side is Side.BUY else Side.BUY
        if other not in self.open_sides.get(order.symbol, ()):
            return ""
        return f"opposite_side: a {other.value} of {order.symbol} is open; together they could be a wash trade"

    def _uncovered(self, order: Order) -> str:
        if order.side is Side.BUY:
            cost = order.quantity * order.reference_price
            if cost <= self.power_usd:
                return ""
            return f"buying_power: it costs {cost:.2f} USD and the buying power is {self.power_usd:.2f} USD"
        held, free = self.held.get(order.symbol, ZERO), self.free.get(order.symbol, ZERO)
        if order.quantity > held:
            return f"position_held: it sells {order.quantity} shares and the account holds {held}"
        if order.quantity > free:
            return f"shares_free: it sells {order.quantity} shares; open orders leave {free} of {held} free"
        return ""


def whole_where_needed(order: Order, asset: JsonObject | None) -> Order:
    """Round an order down to whole shares where the asset is traded in no others, and one at least is left."""
    whole = order.quantity.to_integral_value(ROUND_DOWN)
    if asset is None or asset.get("fractionable") or whole in (order.quantity, ZERO):
        return order
    return replace(order, quantity=whole)


def _asset_refusal(order: Order, asset: Mapping[str, object] | None) -> str:
    if asset is None or not asset.get("tradable"):
        return f"tradable: {order.symbol} cannot be traded at Alpaca"
    if order.quantity != order.quantity.to_integral_value() and not asset.get("fractionable"):
        return f"fractionable: {order.symbol} is traded in whole shares only, not {order.quantity}"
    return ""
