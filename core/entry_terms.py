"""How an entry is ordered: at the market, within a collar, or in the opening auction. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from core.orders import Order, Side
from core.times import NEW_YORK

AUCTION_CLOSES, AUCTION_OPENS = time(9, 28), time(19)
"""In between no order for the opening auction is taken, New York (Alpaca's documents, `time_in_force` opg)."""
BPS, ONE = Decimal(10_000), Decimal(1)
CENT, SMALL_TICK = Decimal("0.01"), Decimal("0.0001")


class EntryKind(StrEnum):
    """What kind of order an entry is."""

    MARKET = "market"
    LIMIT_COLLAR = "limit_collar"
    OPENING_AUCTION = "opening_auction"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryTerms:
    """The kind of entries, and the collar of their limit."""

    kind: EntryKind
    collar_bps: Decimal = Decimal(0)

    def limit_price(self, order: Order) -> Decimal | None:
        """Return the most that a buy may pay, as exchanges take prices; None for no limit, and for a sale."""
        if self.kind is not EntryKind.LIMIT_COLLAR or order.side is Side.SELL:
            return None
        price = order.reference_price * (ONE + self.collar_bps / BPS)
        return price.quantize(price_tick(price), ROUND_DOWN)

    def in_auction(self, order: Order) -> bool:
        """Return whether an order is for the opening auction."""
        return self.kind is EntryKind.OPENING_AUCTION and order.side is Side.BUY

    def refusal(self, order: Order, at: datetime) -> str:
        """Say why an order cannot be sent at a moment; empty when it can."""
        if self.in_auction(order) and AUCTION_CLOSES <= at.astimezone(NEW_YORK).time() < AUCTION_OPENS:
            return "opening_auction: orders for it are taken from 19:00 to 9:28 New York; decide before the open"
        return ""


MARKET_ENTRY = EntryTerms(kind=EntryKind.MARKET)


def price_tick(price: Decimal) -> Decimal:
    """Return the step of prices that exchanges take (SEC Rule 612): a cent, below a dollar 1/100 of one."""
    return CENT if price >= ONE else SMALL_TICK
