"""Tax lots from fills: what each sale gained, over which holding period, and which losses a purchase disallows.

Rules of the US federal income tax, by trade date in New York: the holding period begins the day after the
purchase (26 U.S.C. 1222, Rev. Rul. 66-7); a loss is disallowed so far as shares were bought within 30 days before
or after the sale, and moves into the basis of those shares, whose holding period then includes that of the shares
sold (26 U.S.C. 1091, 1223(3), Treas. Reg. 1.1091-1). No tax advice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from core.corporate_actions import ActionKind
from core.loss_sales import HeldLot, LossSale, in_window, loss_of
from core.lots import ZERO, Lot, LotSale, PickLots, first_in_first_out
from core.money import SHARE_TICK, to_cents
from core.orders import SPLIT, Fill, Side
from core.times import market_date

TRANSFER = ActionKind.RENAME.value
"""The rule of fills that only rename shares: no sale for the tax, so basis and holding period go on."""


ALL_FILLS = 2**31 - 1
"""More than a ledger has."""


@dataclass(slots=True, kw_only=True)
class _OpenLoss:
    """A loss whose shares nothing has replaced yet."""

    sale: LotSale
    quantity: Decimal
    loss_usd: Decimal


@dataclass(kw_only=True)
class LotTracker:
    """Tracks the lots of a ledger: takes fills in the order they were booked, each once.

    A split changes quantities and nothing else; a dividend changes no basis. A merger or delisting is a sale at
    what it brought; shares of a spin-off begin with the basis that the ledger booked for them.

    Attributes
    ----------
    lots : dict of str to list of Lot
        What is held, oldest first, by symbol.
    sales : list of LotSale
        In the order they were booked; a later purchase may still disallow a loss.
    """

    pick: PickLots = first_in_first_out
    lots: dict[str, list[Lot]] = field(default_factory=dict)
    sales: list[LotSale] = field(default_factory=list)
    _losses: dict[str, list[_OpenLoss]] = field(default_factory=dict)
    _renamed: list[tuple[list[Lot], list[_OpenLoss]]] = field(default_factory=list)
    _booked: set[str] = field(default_factory=set)

    def add(self, fill: Fill) -> None:
        """Take the next fill; one that was taken before is passed over."""
        if fill.fill_id in self._booked:
            return
        self._booked.add(fill.fill_id)
        if fill.rule == SPLIT:
            change = fill.quantity if fill.side is Side.BUY else -fill.quantity
            lots, losses = self.lots.get(fill.symbol, []), self._losses.get(fill.symbol, [])
            _resize(lots, losses, sum((lot.quantity for lot in lots), change))
        elif fill.rule == TRANSFER:
            self._rename(fill)
        elif fill.side is Side.BUY:
            self._buy(fill)
        else:
            self._sell(fill)

    def losses_after(self, fills: Sequence[Fill], today: date) -> Mapping[str, tuple[LossSale, ...]]:
        """Take new fills; return the losses that a purchase today would disallow, by symbol."""
        for fill in fills:
            self.add(fill)
        return self.loss_sales(today)

    def loss_sales(self, today: date) -> Mapping[str, tuple[LossSale, ...]]:
        """Return the losses that a purchase today would disallow, by symbol, the earliest first."""
        for symbol in list(self._losses):
            self._forget(symbol, today)
        return {
            symbol: tuple(
                LossSale(sold=loss.sale.sold, quantity=loss.quantity, loss_usd=loss.loss_usd) for loss in losses
            )
            for symbol, losses in sorted(self._losses.items())
        }

    def replacing_lots(self, today: date) -> Mapping[str, tuple[HeldLot, ...]]:
        """Return the lots of each symbol of which a part, sold at a loss today, would be replaced by the rest.

        That takes two purchases, one of them within the window.
        """
        return {
            symbol: _held(lots)
            for symbol, lots in sorted(self.lots.items())
            if len({lot.purchase for lot in lots}) > 1
            and any(not lot.replaces and in_window(today, lot.acquired) for lot in lots)
        }

    def _buy(self, fill: Fill) -> None:
        day = market_date(fill.at)
        lot = Lot(
            lot_id=fill.fill_id, purchase=fill.client_order_id or fill.fill_id, acquired=day, held_since=day,
            quantity=fill.quantity, basis_usd=-fill.cash_change,
        )  # fmt: skip
        held = self.lots.setdefault(fill.symbol, [])
        self._forget(fill.symbol, day)
        for loss in self._losses.pop(fill.symbol, []):
            matched = min(loss.quantity, lot.quantity)
            if matched:
                piece = lot.take(matched)
                held.append(piece)
                _replace(piece, loss, matched)
            if loss.quantity:
                self._losses.setdefault(fill.symbol, []).append(loss)
        if lot.quantity:
            held.append(lot)

    def _sell(self, fill: Fill) -> None:
        held = self.lots.setdefault(fill.symbol, [])
        picked = list(self.pick(tuple(held), fill))
        parts: list[Lot | None] = [lot.take(quantity) for lot, quantity in picked]
        quantities = [quantity for _, quantity in picked]
        unknown = fill.quantity - sum(quantities, ZERO)
        if unknown:  # shares that the engine did not buy
            parts, quantities = [*parts, None], [*quantities, unknown]
        self.lots[fill.symbol] = [lot for lot in held if lot.quantity]
        done, paid = ZERO, ZERO
        for part, quantity in zip(parts, quantities, strict=True):
            done += quantity
            proceeds = to_cents(fill.cash_change * done / fill.quantity) - paid
            paid += proceeds
            sale = _sale(fill, part, quantity, proceeds)
            self.sales.append(sale)
            if part is not None and sale.gain_usd < 0:
                self._look_back(part.purchase, _OpenLoss(sale=sale, quantity=quantity, loss_usd=-sale.gain_usd))

    def _look_back(self, purchase: str, loss: _OpenLoss) -> None:
        """Move a loss into shares bought in the 30 days before that are still held; keep what is left of it."""
        held: list[Lot] = []
        for lot in self.lots[loss.sale.symbol]:
            apart = lot.replaces or lot.purchase == purchase or not in_window(loss.sale.sold, lot.acquired)
            matched = ZERO if apart else min(loss.quantity, lot.quantity)
            if matched:
                piece = lot.take(matched)
                _replace(piece, loss, matched)
                held.append(piece)
            if lot.quantity:
                held.append(lot)
        self.lots[loss.sale.symbol] = held
        if loss.quantity:
            self._losses.setdefault(loss.sale.symbol, []).append(loss)

    def _forget(self, symbol: str, today: date) -> None:
        left = [loss for loss in self._losses.pop(symbol, []) if in_window(loss.sale.sold, today)]
        if left:
            self._losses[symbol] = left

    def _rename(self, fill: Fill) -> None:
        if fill.side is Side.SELL:
            self._renamed.append((self.lots.pop(fill.symbol, []), self._losses.pop(fill.symbol, [])))
        elif self._renamed:
            lots, losses = self._renamed.pop(0)
            _resize(lots, losses, fill.quantity)
            self.lots[fill.symbol] = [*self.lots.get(fill.symbol, ()), *lots]
            self._losses[fill.symbol] = [*self._losses.get(fill.symbol, ()), *losses]


def tracked_lots(newest_first: Sequence[Fill], pick: PickLots) -> LotTracker:
    """Return the lots of all fills of a ledger, as it lists them."""
    lots = LotTracker(pick=pick)
    for fill in reversed(newest_first):
        lots.add(fill)
    return lots


def _held(lots: Sequence[Lot]) -> tuple[HeldLot, ...]:
    numbers: dict[str, int] = {}
    return tuple(
        HeldLot(
            purchase=numbers.setdefault(lot.purchase, len(numbers)),
            acquired=lot.acquired,
            quantity=lot.quantity,
            basis_usd=lot.basis_usd,
            replaces=lot.replaces,
        )
        for lot in lots
    )


def _resize(lots: Sequence[Lot], losses: Sequence[_OpenLoss], after: Decimal) -> None:
    """Scale lots and open losses to so many shares held."""
    before = sum((lot.quantity for lot in lots), ZERO)
    if before <= 0 or after <= 0:
        return
    done, given = ZERO, ZERO
    for lot in lots:
        done += lot.quantity
        lot.quantity = (after * done / before).quantize(SHARE_TICK) - given
        given += lot.quantity
    for loss in losses:
        loss.quantity = (loss.quantity * after / before).quantize(SHARE_TICK)


def _sale(fill: Fill, part: Lot | None, quantity: Decimal, proceeds: Decimal) -> LotSale:
    return LotSale(
        symbol=fill.symbol,
        quantity=quantity,
        acquired=part.acquired if part else None,
        held_since=part.held_since if part else None,
        sold=market_date(fill.at),
        proceeds_usd=proceeds,
        basis_usd=part.basis_usd if part else ZERO,
        lot_id=part.lot_id if part else "",
        sale_id=fill.fill_id,
    )


def _replace(piece: Lot, loss: _OpenLoss, matched: Decimal) -> None:
    """Let shares take the place of as many that were sold at a loss."""
    moved = loss_of(matched, loss.quantity, loss.loss_usd)
    loss.quantity -= matched
    loss.loss_usd -= moved
    loss.sale.disallowed_usd += moved
    piece.basis_usd += moved
    piece.held_since -= loss.sale.sold - (loss.sale.held_since or loss.sale.sold)
    piece.replaces = True
