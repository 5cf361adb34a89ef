"""What a broker says of an account, and what came of holding the ledger against it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from msgspec import Struct, field

from core.account_conditions import NO_CONDITIONS, AccountConditions
from core.orders import Fill, Order


class AccountState(Struct, frozen=True, kw_only=True):
    """The account as the broker has it.

    Attributes
    ----------
    shares : mapping of str to Decimal
        All in the account, by symbol.
    foreign_orders : tuple of Order
        Open orders that are not the engine's.
    foreign_fills : tuple of Fill
        Fills of such orders that are still listed, oldest first.
    restricted : str
        Why the account takes no orders; empty when it does.
    fired : mapping of str to Decimal
        Shares that stops and targets of the engine's have sold since the last `settle`, at most, by symbol.
    notices : mapping of str to str
        What the broker lists that books nothing or is not understood, by its id.
    incomplete : str
        Why `shares` may lack some, with both figures; empty when they add up to what the account says of itself.
    """

    cash: Decimal
    shares: Mapping[str, Decimal]
    foreign_orders: tuple[Order, ...] = ()
    foreign_fills: tuple[Fill, ...] = ()
    restricted: str = ""
    fired: Mapping[str, Decimal] = field(default_factory=dict)
    notices: Mapping[str, str] = field(default_factory=dict)
    incomplete: str = ""


class Reconciliation(Struct, frozen=True, kw_only=True):
    """The last comparison of the ledger with the account.

    Attributes
    ----------
    at : datetime
        UTC.
    differences : tuple of str
        What nothing explains, with both figures; empty when the two agree.
    cash, account_cash : Decimal
        The ledger's and the account's, US dollars.
    conditions : AccountConditions
        What is in force because of it.
    foreign_orders : tuple of Order
        Open orders that are not the engine's; left alone.
    """

    at: datetime
    differences: tuple[str, ...]
    cash: Decimal
    account_cash: Decimal
    conditions: AccountConditions = NO_CONDITIONS
    foreign_orders: tuple[Order, ...] = ()


class Resumption(Struct, frozen=True, kw_only=True):
    """What a resume took over, because it was named, and what it would if it were; in words, by name."""

    taken_over: Mapping[str, str] = field(default_factory=dict)
    offered: Mapping[str, str] = field(default_factory=dict)


class AccountSource(Protocol):
    """Says what is in the account beside what the engine did."""

    def account_state(self) -> AccountState:
        """Ask for cash, shares and what restricts the account; the rest is as of the last `settle`."""
        ...

    def signs(self) -> Hashable:
        """Return what, when it changes, is a reason to compare anew. Asks nobody."""
        ...
