"""The paper broker's account: cash and shares, kept apart from the engine's portfolio for comparison."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import msgspec

from core.brackets import Bracket
from core.errors import InvariantError
from core.times import market_date
from core.trading import ZERO
from core.types import Fill, Order, Portfolio, Position, Side

CHANGES_KEPT = timedelta(days=30)
ACTIONS_KEPT = timedelta(days=500)
"""Longer than any view lists past actions, so that none is booked twice."""


@dataclass(slots=True, kw_only=True)
class Holding:
    """Shares of one symbol and what they cost before fees, US dollars."""

    quantity: Decimal
    cost: Decimal
    entry_at: datetime
    last_price: Decimal


class ShareChange(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of one symbol that came (or, negative, went), in shares of today's size."""

    at: datetime
    quantity: Decimal


class PaperAccount(
    msgspec.Struct, kw_only=True, rename={"brackets": "guards", "brackets_from": "guarded_from"}
):  # as saved files have it
    """Cash in US dollars to the cent, and by symbol the holdings and their brackets.

    Attributes
    ----------
    brackets_from : date
        The first session whose bar the brackets have not been checked against.
    changes : dict of str to list of ShareChange
        How each holding came about, oldest first; kept `CHANGES_KEPT` after the last share is gone, so that a
        dividend which becomes known late still finds who held at the close before.
    actions_booked : dict of str to date
        Corporate actions that were looked at, by id, with their ex-date: each counts once.
    """

    cash: Decimal
    holdings: dict[str, Holding] = msgspec.field(default_factory=dict)
    brackets: dict[str, Bracket] = msgspec.field(default_factory=dict)
    brackets_from: date = date.max
    changes: dict[str, list[ShareChange]] = msgspec.field(default_factory=dict)
    actions_booked: dict[str, date] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        for symbol, holding in self.holdings.items():  # a file of before corporate actions were booked
            self.changes.setdefault(symbol, [ShareChange(at=holding.entry_at, quantity=holding.quantity)])

    def held(self, symbol: str) -> Decimal:
        """Give the shares held; 0 for none."""
        holding = self.holdings.get(symbol)
        return holding.quantity if holding else ZERO

    def held_before(self, symbol: str, at: datetime) -> Decimal:
        """Give the shares held before a moment, of those a change is known of."""
        return sum((change.quantity for change in self.changes.get(symbol, ()) if change.at < at), ZERO)

    def split(self, symbol: str, change: Decimal, at: datetime) -> None:
        """Let what was held before a moment be `change` shares more (or fewer); what they cost stays."""
        before = self.held_before(symbol, at)
        earlier = [past for past in self.changes[symbol] if past.at < at]
        later = [past for past in self.changes[symbol] if past.at >= at]
        self.changes[symbol] = [ShareChange(at=earlier[-1].at, quantity=before + change), *later]
        if symbol in self.holdings:
            self.holdings[symbol].quantity += change

    def forget(self, before: datetime) -> None:
        """Drop the changes of holdings that are gone since before a moment, and long past actions.

        Of what is held, long past changes become one: a symbol traded for years keeps no longer list.
        """
        limit = before - CHANGES_KEPT
        for symbol, past in list(self.changes.items()):
            if symbol not in self.holdings and past[-1].at < limit:
                del self.changes[symbol]
            elif len(past) > 1 and past[1].at < limit:
                old = [change for change in past if change.at < limit]
                total = sum((change.quantity for change in old), ZERO)
                self.changes[symbol] = [ShareChange(at=old[-1].at, quantity=total), *past[len(old) :]]
        oldest = (before - ACTIONS_KEPT).date()
        self.actions_booked = {name: day for name, day in self.actions_booked.items() if day >= oldest}

    def apply_fill(self, fill: Fill) -> None:
        """Apply a fill; cash changes by its value and fee, rounded to the cent once."""
        self.cash += fill.cash_change
        signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
        self.changes.setdefault(fill.symbol, []).append(ShareChange(at=fill.at, quantity=signed))
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
