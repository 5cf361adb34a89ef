"""The paper broker's account: cash and shares, kept apart from the engine's portfolio for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import msgspec

from core.brackets import Bracket
from core.errors import InvariantError
from core.times import market_date
from core.trading import ZERO
from core.types import Fill, Order, Portfolio, Position, Side


@dataclass(slots=True, kw_only=True)
class Holding:
    """Shares of one symbol and what they cost before fees, US dollars."""

    quantity: Decimal
    cost: Decimal
    entry_at: datetime
    last_price: Decimal


class PaperAccount(
    msgspec.Struct, kw_only=True, rename={"brackets": "guards", "brackets_from": "guarded_from"}
):  # as saved files have it
    """Cash in US dollars to the cent, and by symbol the holdings and their brackets.

    Attributes
    ----------
    brackets_from : date
        The first session whose bar the brackets have not been checked against.
    """

    cash: Decimal
    holdings: dict[str, Holding] = msgspec.field(default_factory=dict)
    brackets: dict[str, Bracket] = msgspec.field(default_factory=dict)
    brackets_from: date = date.max

    def held(self, symbol: str) -> Decimal:
        """Give the shares held; 0 for none."""
        holding = self.holdings.get(symbol)
        return holding.quantity if holding else ZERO

    def apply_fill(self, fill: Fill) -> None:
        """Apply a fill; cash changes by its value and fee, rounded to the cent once."""
        self.cash += fill.cash_change
        if fill.side is Side.BUY:
            self._add(fill, fill.quantity * fill.price)
        else:
            self._remove(fill)
        if self.cash < 0:
            raise InvariantError(f"The paper broker's cash fell to {self.cash} USD with {fill.fill_id}.")

    def as_portfolio(self, pending: tuple[Order, ...]) -> Portfolio:
        """Return the account as a portfolio."""
        return Portfolio(
            cash=self.cash,
            positions={symbol: _position(symbol, holding) for symbol, holding in self.holdings.items()},
            pending=pending,
        )

    def _add(self, fill: Fill, value: Decimal) -> None:
        new = Holding(quantity=ZERO, cost=ZERO, entry_at=fill.at, last_price=fill.price)
        holding = self.holdings.setdefault(fill.symbol, new)
        holding.quantity += fill.quantity
        holding.cost += value
        holding.last_price = fill.price

    def _remove(self, fill: Fill) -> None:
        holding = self.holdings.get(fill.symbol)
        if holding is None or fill.quantity > holding.quantity:
            raise InvariantError(
                f"The paper broker sold {fill.quantity} {fill.symbol}, more than it holds: {fill.fill_id}."
            )
        left = holding.quantity - fill.quantity
        if not left:
            del self.holdings[fill.symbol]
            return
        holding.cost = holding.cost * left / holding.quantity
        holding.quantity = left
        holding.last_price = fill.price


def _position(symbol: str, holding: Holding) -> Position:
    return Position(
        symbol=symbol,
        quantity=holding.quantity,
        average_price=holding.cost / holding.quantity,
        entry_at=holding.entry_at,
        entry_session=market_date(holding.entry_at),
        peak_price=holding.last_price,
        last_price=holding.last_price,
    )
