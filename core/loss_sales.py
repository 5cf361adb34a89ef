"""Sales at a loss that a purchase within the wash-sale window would disallow (26 U.S.C. 1091)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from core.money import to_cents
from core.orders import Fill

WINDOW = timedelta(days=30)
"""A loss is disallowed by a purchase so many calendar days before or after the sale, by trade date."""


class LossSale(Struct, frozen=True, kw_only=True, gc=False):
    """Shares sold at a loss that no purchase has replaced yet.

    Attributes
    ----------
    sold : date
        The trade date in New York.
    quantity : Decimal
        Shares, in today's size.
    loss_usd : Decimal
        What was lost on them, US dollars to the cent, positive.
    """

    sold: date
    quantity: Decimal
    loss_usd: Decimal


class HeldLot(Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """Shares of one purchase that are held, as far as the sale of others has to know.

    Attributes
    ----------
    purchase : int
        Number of the purchase among those of the symbol: its own shares do not replace each other.
    quantity : Decimal
        Shares, in today's size.
    basis_usd : Decimal
        US dollars to the cent.
    replaces : bool
        Whether they have replaced shares sold at a loss: each share does so once.
    """

    purchase: int
    acquired: date
    quantity: Decimal
    basis_usd: Decimal
    replaces: bool


class TaxLots(Protocol):
    """Keeps the tax lots of what is bought and sold."""

    def losses_after(self, fills: Sequence[Fill], today: date) -> Mapping[str, tuple[LossSale, ...]]:
        """Take new fills; return the losses that a purchase today would disallow, by symbol."""
        ...

    def replacing_lots(self, today: date) -> Mapping[str, tuple[HeldLot, ...]]:
        """Return the lots of each symbol of which a part, sold at a loss today, would be replaced by the rest."""
        ...


def in_window(sold: date, bought: date) -> bool:
    """Return whether a purchase replaces what was sold at a loss."""
    return abs(bought - sold) <= WINDOW


def loss_of(quantity: Decimal, of_quantity: Decimal, loss_usd: Decimal) -> Decimal:
    """Return the part of a loss that falls on some of the shares, US dollars to the cent."""
    return to_cents(loss_usd * quantity / of_quantity)


def disallowed_usd(losses: Sequence[LossSale], bought: date, quantity: Decimal) -> Decimal:
    """Return how much of past losses a purchase disallows: share for share, the earliest sale first."""
    total, left = Decimal(0), quantity
    for loss in losses:
        matched = min(left, loss.quantity) if in_window(loss.sold, bought) else Decimal(0)
        total += loss_of(matched, loss.quantity, loss.loss_usd)
        left -= matched
    return total
