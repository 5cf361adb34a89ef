"""`taxes` in `config/trading*.json`: which shares a sale takes, and what a wash sale does. No tax advice."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from config.frozen import Frozen
from core.lots import PickLots, first_in_first_out, highest_in_first_out, specific_lots

Shares = Annotated[Decimal, Field(gt=0)]
Named = Mapping[str, Mapping[str, Decimal]]
METHODS: Mapping[str, Callable[[Named], PickLots]] = {
    "fifo": lambda _: first_in_first_out,
    "hifo": lambda _: highest_in_first_out,
    "specific": specific_lots,
}


class TaxSettings(Frozen):
    """Tax lots, by the rules of the US federal income tax.

    Attributes
    ----------
    lot_method : str
        Which shares a sale takes: `fifo` the oldest, `hifo` those with the highest basis, `specific` those that
        `specific_lots` names and then the oldest. The broker has to be told the same before the trade settles.
    specific_lots : dict of str to dict of str to Decimal
        Shares by `fill_id` of the purchase, by `fill_id` of the sale.
    wash_sales : str
        A purchase within 30 days of a sale at a loss, and the sale of a part at a loss while shares bought
        within 30 days stay: `warn` says in the decision how much of the loss is disallowed, `refuse` refuses it,
        `off` says nothing. What is sold whole (by a stop, a flatten) is never refused.
    """

    lot_method: Literal["fifo", "hifo", "specific"] = "fifo"
    specific_lots: dict[str, dict[str, Shares]] = Field(default_factory=dict)
    wash_sales: Literal["off", "warn", "refuse"] = "warn"

    @property
    def pick_lots(self) -> PickLots:
        """What chooses the shares that a sale takes."""
        return METHODS[self.lot_method](self.specific_lots)

    def unknown_fills(self, known: Collection[str]) -> tuple[str, ...]:
        """Return the fills that `specific_lots` names and that are not among these."""
        named = {name for sale, lots in self.specific_lots.items() for name in (sale, *lots)}
        return tuple(sorted(named.difference(known)))
