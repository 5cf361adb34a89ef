"""What the sale of a part would lose for the tax, since shares of another purchase stay (26 U.S.C. 1091)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from core.loss_sales import HeldLot
from core.lots import ZERO, Lot, PickLots
from core.orders import Fill
from core.tax_lots import LotTracker


class ReplacedSale(Struct, frozen=True, kw_only=True, gc=False):
    """A sale at a loss whose shares are replaced by some that were bought within 30 days and stay.

    Attributes
    ----------
    loss_usd, disallowed_usd : Decimal
        What the shares that lose lose before fees, and how much of it is disallowed; US dollars to the cent.
    staying : Decimal
        Shares that take their place.
    bought : date
        When the newest of them were bought.
    """

    loss_usd: Decimal
    disallowed_usd: Decimal
    staying: Decimal
    bought: date


def replaced_sale(lots: Sequence[HeldLot], sale: Fill, pick: PickLots) -> ReplacedSale | None:
    """Return what a sale that has not been made would lose for the tax; None where no loss is disallowed."""
    before = [
        Lot(
            lot_id=str(number), purchase=str(lot.purchase), acquired=lot.acquired, held_since=lot.acquired,
            quantity=lot.quantity, basis_usd=lot.basis_usd, replaces=lot.replaces,
        )
        for number, lot in enumerate(lots)
    ]  # fmt: skip
    known = {id(lot) for lot in before}
    tracker = LotTracker(pick=pick, lots={sale.symbol: list(before)})
    tracker.add(sale)
    disallowed = sum((part.disallowed_usd for part in tracker.sales), ZERO)
    if not disallowed:
        return None
    replacing = [lot for lot in tracker.lots[sale.symbol] if lot.replaces and id(lot) not in known]
    return ReplacedSale(
        loss_usd=sum((max(ZERO, part.basis_usd - part.proceeds_usd) for part in tracker.sales), ZERO),
        disallowed_usd=disallowed,
        staying=sum((lot.quantity for lot in replacing), ZERO),
        bought=max(lot.acquired for lot in replacing),
    )
