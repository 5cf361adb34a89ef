"""A tax lot, the sale of one, and which shares a sale takes: the oldest, the dearest, or as named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from core.money import to_cents
from core.orders import Fill

ZERO = Decimal(0)
DAY = timedelta(days=1)


@dataclass(slots=True, kw_only=True)
class Lot:
    """Shares of one purchase that are still held.

    Attributes
    ----------
    lot_id : str
        The purchase's fill.
    purchase : str
        The purchase's order: its fills are one purchase, and do not replace each other's shares.
    acquired, held_since : date
        Trade date; the same, or earlier where it replaced shares sold at a loss.
    basis_usd : Decimal
        Cost with fees, and disallowed losses that moved here, US dollars to the cent.
    replaces : bool
        Whether it has replaced shares sold at a loss: each share does so once.
    """

    lot_id: str
    purchase: str
    acquired: date
    held_since: date
    quantity: Decimal
    basis_usd: Decimal
    replaces: bool = False

    def take(self, quantity: Decimal) -> Lot:
        """Split off so many shares with their part of the basis."""
        basis = to_cents(self.basis_usd * quantity / self.quantity)
        self.quantity -= quantity
        self.basis_usd -= basis
        return Lot(
            lot_id=self.lot_id, purchase=self.purchase, acquired=self.acquired, held_since=self.held_since,
            quantity=quantity, basis_usd=basis, replaces=self.replaces,
        )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class LotSale:
    """Shares of one lot that one fill sold.

    Attributes
    ----------
    acquired, held_since : date or None
        None where the shares were not bought here: their basis is then taken as 0.
    proceeds_usd, basis_usd : Decimal
        Cash it brought after fees; cost with fees and disallowed losses before it; US dollars to the cent.
    disallowed_usd : Decimal
        How much of the loss does not count now, since shares were bought in its place.
    """

    symbol: str
    quantity: Decimal
    acquired: date | None
    held_since: date | None
    sold: date
    proceeds_usd: Decimal
    basis_usd: Decimal
    lot_id: str
    sale_id: str
    disallowed_usd: Decimal = ZERO

    @property
    def gain_usd(self) -> Decimal:
        """What counts for the tax, US dollars to the cent: a loss without its disallowed part."""
        return self.proceeds_usd - self.basis_usd + self.disallowed_usd

    @property
    def is_long_term(self) -> bool:
        """Whether the shares were held for more than a year."""
        return self.held_since is not None and self.sold >= long_term_from(self.held_since)


Picks = Iterator[tuple[Lot, Decimal]]
PickLots = Callable[[Sequence[Lot], Fill], Picks]
"""Chooses which shares a fill sells: lots oldest first in, pairs of lot and quantity out."""


def long_term_from(acquired: date) -> date:
    """Return the first day on which a sale is long term: a year after the day that follows the purchase."""
    begins = acquired + DAY
    try:
        return begins.replace(year=begins.year + 1)
    except ValueError:  # 29 February
        return date(begins.year + 1, 3, 1)


def first_in_first_out(lots: Sequence[Lot], fill: Fill) -> Picks:
    """Sell the oldest shares first."""
    return _from(lots, fill.quantity)


def highest_in_first_out(lots: Sequence[Lot], fill: Fill) -> Picks:
    """Sell the shares with the highest basis first, the oldest among equals."""
    return _from(sorted(lots, key=lambda lot: -lot.basis_usd / lot.quantity), fill.quantity)


def specific_lots(named: Mapping[str, Mapping[str, Decimal]]) -> PickLots:
    """Return what sells the lots that a person named, by the fills of both; the rest oldest first.

    Parameters
    ----------
    named : mapping of str to mapping of str to Decimal
        Shares by `fill_id` of the purchase, by `fill_id` of the sale.
    """

    def pick(lots: Sequence[Lot], fill: Fill) -> Picks:
        wanted, left = dict(named.get(fill.fill_id, {})), fill.quantity
        rest = {id(lot): lot.quantity for lot in lots}
        for lot in lots:
            quantity = min(wanted.get(lot.lot_id, ZERO), rest[id(lot)], left)
            if quantity > 0:
                wanted[lot.lot_id] -= quantity
                rest[id(lot)] -= quantity
                left -= quantity
                yield lot, quantity
        for lot in lots:
            quantity = min(rest[id(lot)], left)
            left -= quantity
            if quantity > 0:
                yield lot, quantity

    return pick


def _from(lots: Sequence[Lot], quantity: Decimal) -> Picks:
    for lot in lots:
        taken = min(lot.quantity, quantity)
        quantity -= taken
        if taken > 0:
            yield lot, taken
