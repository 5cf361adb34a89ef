"""An order as Alpaca has it, with all that belongs to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from adapters.alpaca.orders import ENDED, number, status_of
from adapters.alpaca.trading_client import JsonObject, JsonObjects
from core.trading import ZERO
from core.types import OrderStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedOrder:
    """An order at Alpaca: the newest of the orders that replaced one another, and what all of them filled.

    A group (an OCO's limit and its stop) is one order here: it may trade as long as one of its rows may.
    """

    row: JsonObject
    filled: Decimal

    @property
    def rows(self) -> JsonObjects:
        """The order's own row and those of its legs."""
        return [self.row, *(self.row.get("legs") or ())]

    @property
    def status(self) -> OrderStatus:
        """What became of it; of a group that has ended, filled where one of its rows is."""
        found = [status_of(row) for row in self.rows]
        for status in found:
            if status not in ENDED:
                return status
        return OrderStatus.FILLED if OrderStatus.FILLED in found else found[0]

    @property
    def left(self) -> Decimal:
        """What may still trade."""
        if self.status in ENDED:
            return ZERO
        return max(number(self.row, "qty") - sum((number(row, "filled_qty") for row in self.rows), ZERO), ZERO)
