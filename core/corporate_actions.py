"""Corporate actions, cash movements, and the settlement that carries them from a broker to the portfolio.

A corporate action changes what a share is: a split how many there are, a dividend what one is worth.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from msgspec import Struct

from core.money import PRICE_TICK, SHARE_TICK
from core.orders import Fill

ONE = Decimal(1)
NOTHING = Decimal(0)
EXCHANGED = frozenset({"rename", "merger", "delisting"})
"""Kinds after which the old shares are gone."""


class ActionKind(StrEnum):
    """What happened to a share.

    SPLIT is a forward or reverse split or a stock dividend; also a spin-off for which a vendor restates prices as
    for a split, since the value of the holding is then right. DIVIDEND is ordinary or special.
    """

    SPLIT = "split"
    DIVIDEND = "dividend"
    SPIN_OFF = "spin_off"
    RENAME = "rename"
    MERGER = "merger"
    DELISTING = "delisting"


class CorporateAction(Struct, frozen=True, kw_only=True, gc=False):
    """What happened to the shares of a symbol, with effect from the opening of `ex_date`.

    Attributes
    ----------
    ex_date : date
        The first session without the dividend, or in new shares; in New York.
    ratio : Decimal
        New shares for each old one, 4 for a 4-for-1 split, 0.125 for a 1-for-8; those of `new_symbol` if any.
    cash_per_share : Decimal
        US dollars paid for each share held at the close before, in shares of today's size.
    close_before : Decimal
        The last close before `ex_date`, US dollars, as traded but in shares of today's size; 0 when not known.
    new_symbol : str
        What the shares became (rename, merger) or what came beside them (spin-off); empty for none.
    source : str
        Who says so: the vendor, or `user`.
    """

    symbol: str
    kind: ActionKind
    ex_date: date
    ratio: Decimal = ONE
    cash_per_share: Decimal = NOTHING
    close_before: Decimal = NOTHING
    new_symbol: str = ""
    source: str = ""

    @property
    def action_id(self) -> str:
        """Unique for ever: an action is booked once."""
        return f"{self.kind.value}-{self.symbol}-{self.ex_date}"

    @property
    def price_factor(self) -> Decimal:
        """What a price from before is multiplied by to compare with one from after.

        1 / ratio for a split; 1 - dividend / last close before for a payment, as vendors adjust their histories.
        """
        if self.kind is ActionKind.SPLIT:
            return ONE / self.ratio
        if self.kind in EXCHANGED or not NOTHING < self.cash_per_share < self.close_before:
            return ONE
        return ONE - self.cash_per_share / self.close_before

    def shares(self, quantity: Decimal) -> Decimal:
        """Return what a number of old shares becomes, at a millionth of a share."""
        return (quantity * self.ratio).quantize(SHARE_TICK, ROUND_HALF_EVEN)

    def price(self, price: Decimal) -> Decimal:
        """Return what a price from before is in new shares, at a hundredth of a cent."""
        return (price * self.price_factor).quantize(PRICE_TICK, ROUND_HALF_EVEN)

    @property
    def description(self) -> str:
        """The action in words."""
        match self.kind:
            case ActionKind.SPLIT:
                return f"{self.symbol}: split, {_ratio_text(self.ratio)}, with effect from {self.ex_date}"
            case ActionKind.DIVIDEND:
                return f"{self.symbol}: dividend of {self.cash_per_share:f} USD a share, ex {self.ex_date}"
            case _:
                became = f", {self.ratio:f} {self.new_symbol} a share" if self.new_symbol else ""
                paid = f", {self.cash_per_share:f} USD a share" if self.cash_per_share else ""
                return f"{self.symbol}: {self.kind.value}{became}{paid}, with effect from {self.ex_date}"


class CashKind(StrEnum):
    """Why cash came or went without a trade."""

    DIVIDEND = "dividend"
    INTEREST = "interest"
    FEE = "fee"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    OTHER = "other"


class CashMovement(Struct, frozen=True, kw_only=True, gc=False):
    """Cash that came or went without a trade. `movement_id` is unique for ever: it books once.

    Attributes
    ----------
    symbol : str or None
        The shares it was paid on; None where it concerns none.
    amount : Decimal
        US dollars to the cent, negative when it leaves.
    """

    movement_id: str
    kind: CashKind
    symbol: str | None
    amount: Decimal
    at: datetime
    note: str = ""

    @property
    def is_external(self) -> bool:
        """Whether a person moved it: neither profit nor loss."""
        return self.kind in {CashKind.DEPOSIT, CashKind.WITHDRAWAL}


class Settlement(Struct, frozen=True, kw_only=True):
    """What a broker has to tell since the last step.

    Attributes
    ----------
    fills : tuple of Fill
        Trades in their order; a share change of a split is a fill of rule `split` at price 0.
    cash_movements : tuple of CashMovement
        Cash without a trade.
    actions : tuple of CorporateAction
        Corporate actions that took effect on something held. Their shares are in `fills` and their cash in
        `cash_movements`; a dividend's also lowers the prices that a holding is measured against.
    """

    fills: tuple[Fill, ...] = ()
    cash_movements: tuple[CashMovement, ...] = ()
    actions: tuple[CorporateAction, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Name everything in it, for the acknowledgement."""
        return (
            *(fill.fill_id for fill in self.fills),
            *(movement.movement_id for movement in self.cash_movements),
            *(action.action_id for action in self.actions),
        )


def _ratio_text(ratio: Decimal) -> str:
    new, old = ratio.as_integer_ratio()
    if max(new, old) > 10_000:  # a ratio such as 1 to 3 has no finite decimal
        return f"1-for-{_short(ONE / ratio)}" if ratio < 1 else f"{_short(ratio)}-for-1"
    return f"{new}-for-{old}"


def _short(number: Decimal) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")
