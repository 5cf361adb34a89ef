"""What an order costs and, from one daily bar, where it fills: pure."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from math import inf, isfinite
from typing import NamedTuple

from config.broker import BrokerSettings
from core.brackets import Levels
from core.money import CENT, SHARE_TICK, to_cents, to_price
from core.types import Side

BPS = Decimal(10_000)


class Bar(NamedTuple):
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


def protective_fill(levels: Levels, bar: Bar) -> tuple[str, float] | None:
    """Give the rule that closes a position with a bracket within a bar, and the price before costs; None if none.

    A bar that opens beyond a level trades at the open: worse than the stop, better than the target. Otherwise
    the order of events within a day is not known, and the worst is assumed: the stop before the target.
    """
    if not bar.traded:
        return None
    stop = -inf if levels.stop_price is None else float(levels.stop_price)
    target = inf if levels.target_price is None else float(levels.target_price)
    stop_rule, target_rule = levels.stop_rule or "", levels.target_rule or ""
    if bar.open <= stop:
        return stop_rule, bar.open
    if bar.open >= target:
        return target_rule, bar.open
    if bar.low <= stop:
        return stop_rule, stop
    return (target_rule, target) if bar.high >= target else None
