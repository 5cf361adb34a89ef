"""The levels at which a position is closed: one formula for the risk check and for resting orders."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from msgspec import Struct

from core.money import PRICE_TICK

ONE = Decimal(1)
OFF = Decimal(0)


class Levels(NamedTuple):
    """Prices at which a position goes, US dollars, each with the rule that set it.

    Attributes
    ----------
    stop_price : Decimal
        At or below it the position is sold; at 0 or less it never is.
    target_price : Decimal
        At or above it the position is sold.
    """

    stop_price: Decimal
    stop_rule: str
    target_price: Decimal
    target_rule: str

    def crossed(self, price: Decimal) -> str:
        """Name the rule that `price` sets off, the stop's before the target's; empty when none."""
        if price <= self.stop_price:
            return self.stop_rule
        return self.target_rule if price >= self.target_price else ""


class Bracket(Struct, frozen=True, kw_only=True, gc=False):
    """What guards one position; the levels follow from its entry price.

    Attributes
    ----------
    decision_id : str
        The decision that last set it; names the sale it leads to.
    stop_loss_pct, take_profit_pct : Decimal
        Fractions of the entry price, the stop's at or below 0.
    atr : Decimal
        Average true range, US dollars; 0 when there is none, and then only the static levels hold.
    stop_loss_atr, take_profit_atr, trailing_stop_atr : Decimal
        Distances in ATRs: from the entry, from the entry, from the peak; 0 when the rule is off.
    peak_price : Decimal or None
        Highest price seen since the entry; None for a position that is not open yet.
    """

    symbol: str
    decision_id: str
    stop_loss_pct: Decimal
    take_profit_pct: Decimal
    atr: Decimal = OFF
    stop_loss_atr: Decimal = OFF
    take_profit_atr: Decimal = OFF
    trailing_stop_atr: Decimal = OFF
    peak_price: Decimal | None = None

    def levels(self, entry_price: Decimal) -> Levels:
        """Give the nearest stop and the nearest target; of equal levels the static ones count.

        While the ATR stays the same the stop never falls, since the peak never does.
        """
        stop, stop_rule = entry_price * (ONE + self.stop_loss_pct), "stop_loss"
        target, target_rule = entry_price * (ONE + self.take_profit_pct), "take_profit"
        if self.atr:
            if self.stop_loss_atr and (dynamic := entry_price - self.stop_loss_atr * self.atr) > stop:
                stop, stop_rule = dynamic, "atr_stop"
            if self.take_profit_atr and (dynamic := entry_price + self.take_profit_atr * self.atr) < target:
                target, target_rule = dynamic, "atr_target"
            peak = max(self.peak_price or entry_price, entry_price)
            if self.trailing_stop_atr and (trailing := peak - self.trailing_stop_atr * self.atr) > stop:
                stop, stop_rule = trailing, "trailing_stop"
        return Levels(
            stop_price=stop.quantize(PRICE_TICK, ROUND_HALF_EVEN),
            stop_rule=stop_rule,
            target_price=target.quantize(PRICE_TICK, ROUND_HALF_EVEN),
            target_rule=target_rule,
        )
