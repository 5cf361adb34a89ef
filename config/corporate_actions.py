"""What a person says of corporate actions, where a vendor is silent, late or wrong."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field, model_validator

from config.frozen import Frozen
from core.corporate_actions import EXCHANGED
from core.types import ActionKind, CorporateAction

SAID_BY = "user"


class SaidAction(Frozen):
    """One corporate action; it replaces what a vendor lists of that symbol and day, and needs no witness.

    Attributes
    ----------
    ratio : Decimal
        New shares for each old one; 1 says that there was no split.
    cash_per_share : Decimal
        US dollars for each share held at the close before.
    new_symbol : str
        What the shares became (rename, merger), or what came beside them (spin-off).
    """

    symbol: Annotated[str, Field(min_length=1)]
    kind: ActionKind = ActionKind.SPLIT
    ex_date: date
    ratio: Annotated[Decimal, Field(gt=0, lt=10_000)] = Decimal(1)
    cash_per_share: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    new_symbol: str = ""

    @model_validator(mode="after")
    def complete(self) -> SaidAction:
        """A rename or spin-off names the other shares, and a dividend its amount."""
        kind = ActionKind(self.kind)
        if kind in (ActionKind.RENAME, ActionKind.SPIN_OFF) and not self.new_symbol:
            raise ValueError(f"a {kind.value} needs new_symbol")
        if kind is ActionKind.MERGER and not (self.new_symbol or self.cash_per_share):
            raise ValueError("a merger needs new_symbol, cash_per_share or both")
        if kind is ActionKind.DIVIDEND and not self.cash_per_share:
            raise ValueError("a dividend needs cash_per_share")
        if self.new_symbol and kind not in EXCHANGED and kind is not ActionKind.SPIN_OFF:
            raise ValueError(f"a {kind.value} has no new_symbol")
        return self

    def as_action(self) -> CorporateAction:
        """Return it as the engine's noun."""
        return CorporateAction(
            symbol=self.symbol,
            kind=self.kind,
            ex_date=self.ex_date,
            ratio=self.ratio,
            cash_per_share=self.cash_per_share,
            new_symbol=self.new_symbol,
            source=SAID_BY,
        )
