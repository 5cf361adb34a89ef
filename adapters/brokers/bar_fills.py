"""What an order costs and, from one daily bar, where it fills: pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from math import isfinite

from config.trading import BrokerSettings
from core.money import CENT, SHARE_TICK, to_cents, to_price
from core.types import Order, Side

BPS = Decimal(10_000)


class Protection(StrEnum):
    """What a resting order guards: a loss or a gain."""

    STOP = "stop"
    TARGET = "target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One session of one symbol, US dollars; NaN where there was no trade."""

    open: float
    high: float
    low: float

    @property
    def traded(self) -> bool:
        """Whether it has an opening price."""
        return isfinite(self.open) and self.open > 0


def traded_price(price: float, side: Side, costs: BrokerSettings) -> Decimal:
    """Give what a market order pays or gets: half the spread and all of the slippage against it."""
    worse = (costs.spread_bps / 2 + costs.slippage_bps) / 10_000
    return to_price(price * (1 + worse if side is Side.BUY else 1 - worse))


def fee(quantity: Decimal, price: Decimal, costs: BrokerSettings) -> Decimal:
    """Give the fee on a trade, to the cent."""
    return to_cents(quantity * price * Decimal(repr(costs.fee_bps)) / BPS)


def affordable(cash: Decimal, price: Decimal, costs: BrokerSettings) -> Decimal:
    """Give the most shares that cash buys, fee included; a cent is kept for rounding."""
    each = price * (1 + Decimal(repr(costs.fee_bps)) / BPS)
    shares = max(cash - CENT, Decimal(0)) / each
    return shares.quantize(SHARE_TICK if costs.fractional_shares else Decimal(1), ROUND_DOWN)


def protection(order: Order) -> Protection:
    """Tell a stop (trigger at or below the price it was set at) from a target (above it)."""
    if order.trigger_price is None:
        raise ValueError(f"{order.client_order_id} has no trigger.")
    return Protection.TARGET if order.trigger_price > order.reference_price else Protection.STOP


def protective_price(order: Order, bar: Bar) -> float | None:
    """Give the price at which a bar trades a resting sell, before costs; None when it does not.

    A gap through the level trades at the open, which is worse than a stop's level and better than a target's.
    """
    if not bar.traded or order.trigger_price is None:
        return None
    level = float(order.trigger_price)
    if protection(order) is Protection.STOP:
        return min(bar.open, level) if min(bar.open, bar.low) <= level else None
    return max(bar.open, level) if max(bar.open, bar.high) >= level else None


def first_triggered(orders: list[Order], bar: Bar) -> tuple[Order, float] | None:
    """Choose which of a symbol's resting sells a bar trades, and its price before costs.

    Where the bar opens through a level, that one came first. Else the order of events within a day is not
    known, and the worst is assumed: the stop before the target, the highest stop and the lowest target first.
    """
    hits = [(order, price) for order in orders if (price := protective_price(order, bar)) is not None]
    return min(hits, key=lambda hit: _precedence(hit[0], bar)) if hits else None


def _precedence(order: Order, bar: Bar) -> tuple[bool, bool, float]:
    level = float(order.trigger_price or 0)
    is_target = protection(order) is Protection.TARGET
    at_open = bar.open >= level if is_target else bar.open <= level
    return not at_open, is_target, level if is_target else -level
