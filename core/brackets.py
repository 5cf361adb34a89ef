"""The levels at which a position is closed: one formula for the risk check and for resting orders."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from msgspec import Struct

from core.money import PRICE_TICK

ONE = Decimal(1)
OFF = Decimal(0)


class Levels(NamedTuple):
    """Prices at which a position is closed, US dollars, each with the rule that set it; None where none does.

    Attributes
    ----------
    stop_price : Decimal or None
        At or below it the position is sold; at 0 or less it never is.
    target_price : Decimal or None
        At or above it the position is sold.
    """

    stop_price: Decimal | None
    stop_rule: str | None
    target_price: Decimal | None
    target_rule: str | None

    def crossed(self, price: Decimal) -> str:
        """Return the rule that `price` sets off, the stop's before the target's; empty when none."""
        if self.stop_price is not None and price <= self.stop_price:
            return self.stop_rule or ""
        if self.target_price is not None and price >= self.target_price:
            return self.target_rule or ""
        return ""


class Bracket(Struct, frozen=True, kw_only=True, gc=False):
    """Stop-loss and take-profit of one position; the levels follow from its entry price.

    Attributes
    ----------
    decision_id : str
        The decision that last set it; names the sale it leads to.
    stop_loss_pct, take_profit_pct : Decimal or None
        Fractions of the entry price, the stop's at or below 0; None when the rule is off.
    atr : Decimal
        Average true range, US dollars; 0 when there is none, and then only the static levels hold.
    stop_loss_atr, take_profit_atr, trailing_stop_atr : Decimal
        Distances in ATRs: from the entry, from the entry, from the peak. An ATR rule that is off is recorded
        as a distance of 0, as in every ledger there is.
    peak_price : Decimal or None
        Highest price seen since the entry; None for a position that is not open yet.
    """

    symbol: str
    decision_id: str
    stop_loss_pct: Decimal | None
    take_profit_pct: Decimal | None
    atr: Decimal = OFF
    stop_loss_atr: Decimal = OFF
    take_profit_atr: Decimal = OFF
    trailing_stop_atr: Decimal = OFF
    peak_price: Decimal | None = None

    def levels(self, entry_price: Decimal) -> Levels:
        """Return the nearest stop and the nearest target; of equal levels the static ones count.

        While the ATR stays the same the stop never falls, since the peak never does.
        """
        stop = None if self.stop_loss_pct is None else entry_price * (ONE + self.stop_loss_pct)
        target = None if self.take_profit_pct is None else entry_price * (ONE + self.take_profit_pct)
        stop_rule, target_rule = "stop_loss", "take_profit"
        if self.atr:
            stop, stop_rule = self._nearest_stop(entry_price, stop)
            if self.take_profit_atr:
                dynamic = entry_price + self.take_profit_atr * self.atr
                if target is None or dynamic < target:
                    target, target_rule = dynamic, "atr_target"
        return Levels(
            stop_price=None if stop is None else stop.quantize(PRICE_TICK, ROUND_HALF_EVEN),
            stop_rule=None if stop is None else stop_rule,
            target_price=None if target is None else target.quantize(PRICE_TICK, ROUND_HALF_EVEN),
            target_rule=None if target is None else target_rule,
        )

    def _nearest_stop(self, entry_price: Decimal, static: Decimal | None) -> tuple[Decimal | None, str]:
        stop, rule = static, "stop_loss"
        if self.stop_loss_atr:
            dynamic = entry_price - self.stop_loss_atr * self.atr
            if stop is None or dynamic > stop:
                stop, rule = dynamic, "atr_stop"
        if self.trailing_stop_atr:
            trailing = max(self.peak_price or entry_price, entry_price) - self.trailing_stop_atr * self.atr
            if stop is None or trailing > stop:
                stop, rule = trailing, "trailing_stop"
        return stop, rule
