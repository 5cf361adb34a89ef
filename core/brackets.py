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
        stop = self._nearest_stop(entry_price)
        target = self._nearest_target(entry_price)
        return Levels(
            stop_price=stop[0].quantize(PRICE_TICK, ROUND_HALF_EVEN) if stop else None,
            stop_rule=stop[1] if stop else None,
            target_price=target[0].quantize(PRICE_TICK, ROUND_HALF_EVEN) if target else None,
            target_rule=target[1] if target else None,
        )

    def _nearest_stop(self, entry_price: Decimal) -> tuple[Decimal, str] | None:
        stops = []
        if self.stop_loss_pct is not None:
            stops.append((entry_price * (ONE + self.stop_loss_pct), "stop_loss"))
        if self.atr and self.stop_loss_atr:
            stops.append((entry_price - self.stop_loss_atr * self.atr, "atr_stop"))
        if self.atr and self.trailing_stop_atr:
            peak = max(self.peak_price or entry_price, entry_price)
            stops.append((peak - self.trailing_stop_atr * self.atr, "trailing_stop"))
        return max(stops, key=_price, default=None)

    def _nearest_target(self, entry_price: Decimal) -> tuple[Decimal, str] | None:
        targets = []
        if self.take_profit_pct is not None:
            targets.append((entry_price * (ONE + self.take_profit_pct), "take_profit"))
        if self.atr and self.take_profit_atr:
            targets.append((entry_price + self.take_profit_atr * self.atr, "atr_target"))
        return min(targets, key=_price, default=None)


def _price(level: tuple[Decimal, str]) -> Decimal:
    return level[0]
