"""Round trips: from flat to flat in one symbol, with the profit that the cash shows. Defined here once.

The ledger's trades, the memory's outcomes and the backtest's report all need it, and of their rooms only this
one is seen by all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.corporate_actions import CashKind, CashMovement
from core.money import PRICE_TICK, SHARE_TICK
from core.orders import SPLIT, Fill, Side
from core.trading import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """One position from flat to flat, however many fills it took.

    Attributes
    ----------
    quantity : Decimal
        Shares bought, in shares of the size they were sold in.
    entry_at, exit_at : datetime
        When the first buy and the last sale filled.
    entry_price, exit_price : Decimal
        Average prices before fees, US dollars, at a hundredth of a cent.
    cost_usd : Decimal
        Cash that all buys took, fees and rounding to the cent included.
    proceeds_usd : Decimal
        Cash that all sales brought, less their fees.
    exit_rule : str
        The rule of the last sale.
    dividends_usd : Decimal
        Cash it paid while it was held.
    """

    symbol: str
    quantity: Decimal
    entry_at: datetime
    entry_price: Decimal
    exit_at: datetime
    exit_price: Decimal
    cost_usd: Decimal
    proceeds_usd: Decimal
    exit_rule: str
    dividends_usd: Decimal = ZERO

    @property
    def profit_usd(self) -> Decimal:
        """Cash it earned after fees; the sum over all is the change of cash when nothing is held."""
        return self.proceeds_usd + self.dividends_usd - self.cost_usd

    @property
    def profit_pct(self) -> float:
        """Profit after fees over cost with fees, a fraction; 0 for shares that cost nothing, as of a spin-off."""
        return float(self.profit_usd / self.cost_usd) if self.cost_usd else 0.0


@dataclass(slots=True)
class _OpenPosition:
    """What was bought and sold so far: shares, value before fees, cash after them."""

    entry_at: datetime
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    bought_usd: Decimal = ZERO
    sold_usd: Decimal = ZERO
    cost_usd: Decimal = ZERO
    proceeds_usd: Decimal = ZERO
    dividends_usd: Decimal = ZERO

    def split(self, change: Decimal) -> None:
        """Count what was bought and sold in new shares, of which `change` more (or fewer) are held."""
        held = self.bought - self.sold
        self.sold = (self.sold * (held + change) / held).quantize(SHARE_TICK)
        self.bought = self.sold + held + change


class RoundTripTracker:
    """Pairs fills into round trips, one fill after the other, in the order in which they happened.

    A round trip begins with the first buy and ends when as much was sold as was bought. A sale of what was never
    bought here (a foreign position) is passed over. A split changes the number of shares and nothing else.
    """

    def __init__(self) -> None:
        self._open: dict[str, _OpenPosition] = {}

    def add(self, fill: Fill) -> RoundTrip | None:
        """Take the next fill; give the round trip that it ends, if it ends one."""
        if fill.rule == SPLIT:
            if fill.symbol in self._open:
                self._open[fill.symbol].split(fill.quantity if fill.side is Side.BUY else -fill.quantity)
            return None
        if fill.side is Side.BUY:
            position = self._open.setdefault(fill.symbol, _OpenPosition(fill.at))
            position.bought += fill.quantity
            position.bought_usd += fill.quantity * fill.price
            position.cost_usd -= fill.cash_change
            return None
        if fill.symbol not in self._open:
            return None
        position = self._open[fill.symbol]
        position.sold += fill.quantity
        position.sold_usd += fill.quantity * fill.price
        position.proceeds_usd += fill.cash_change
        if position.sold < position.bought:
            return None
        del self._open[fill.symbol]
        return _closed(position, fill)

    def pay(self, movement: CashMovement) -> None:
        """Take the next dividend: it is earned by the position that is open, if one is."""
        position = self._open.get(movement.symbol or "")
        if position is not None and movement.kind is CashKind.DIVIDEND:
            position.dividends_usd += movement.amount

    def held(self, symbol: str) -> Decimal:
        """Give the shares of a symbol that are held, 0 when it is flat."""
        position = self._open.get(symbol)
        return position.bought - position.sold if position else ZERO


def _closed(position: _OpenPosition, last: Fill) -> RoundTrip:
    return RoundTrip(
        symbol=last.symbol,
        quantity=position.bought,
        entry_at=position.entry_at,
        entry_price=(position.bought_usd / position.bought).quantize(PRICE_TICK),
        exit_at=last.at,
        exit_price=(position.sold_usd / position.sold).quantize(PRICE_TICK),
        cost_usd=position.cost_usd,
        proceeds_usd=position.proceeds_usd,
        exit_rule=last.rule,
        dividends_usd=position.dividends_usd,
    )
