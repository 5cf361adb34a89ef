"""The prices of a resting order, as exchanges and Alpaca take them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from adapters.alpaca.orders import number
from adapters.alpaca.tracked_order import TrackedOrder
from adapters.alpaca.trading_client import JsonObject
from core.brackets import Levels
from core.entry_terms import price_tick
from core.trading import ZERO
from core.types import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class RestingPrices:
    """Where a resting order sells, US dollars, as Alpaca takes prices; `target` None for a stop alone."""

    stop: Decimal
    target: Decimal | None

    @classmethod
    def of(cls, levels: Levels) -> RestingPrices | None:
        """Read levels; None where there is no stop."""
        if levels.stop_price is None or levels.stop_price <= 0:
            return None
        stop, target = to_tick(levels.stop_price, ROUND_DOWN), levels.target_price
        if target is not None and to_tick(target, ROUND_UP) > stop:
            return cls(stop=stop, target=to_tick(target, ROUND_UP))
        return cls(stop=stop, target=None)

    @classmethod
    def of_order(cls, order: TrackedOrder) -> RestingPrices:
        """Read what rests."""
        stop = next((number(row, "stop_price") for row in order.rows if row.get("stop_price")), ZERO)
        target = number(order.row, "limit_price") if order.row.get("limit_price") else None
        return cls(stop=stop, target=target)

    def is_near(self, other: RestingPrices, ticks: int) -> bool:
        """Return whether both prices lie within so many ticks of another's."""
        if (self.target is None) != (other.target is None):
            return False
        moved = [abs(self.stop - other.stop), abs((self.target or ZERO) - (other.target or ZERO))]
        return max(moved) <= ticks * price_tick(self.stop)


def resting_request(order: Order, prices: RestingPrices) -> JsonObject:
    """Write a resting order as Alpaca takes it."""
    body: JsonObject = {
        "symbol": order.symbol,
        "qty": str(order.quantity),
        "side": order.side.value,
        "time_in_force": "gtc",
        "client_order_id": order.client_order_id,
    }
    if prices.target is None:
        return body | {"type": "stop", "stop_price": str(prices.stop)}
    return body | {
        "type": "limit",
        "order_class": "oco",
        "take_profit": {"limit_price": str(prices.target)},
        "stop_loss": {"stop_price": str(prices.stop)},
    }


def to_tick(price: Decimal, rounding: str) -> Decimal:
    """Round a price to what exchanges take."""
    return price.quantize(price_tick(price), rounding)
