"""What the broker's account allows the engine: whose shares are whose, what is frozen, what stops entries.

The portfolio carries it, so that it outlives a restart, is decided on like all else, and is decided on again by a
replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct, field

from core.corporate_actions import NOTHING
from core.positions import Position


class FrozenSymbol(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A symbol in which the account is not as the ledger has it.

    Attributes
    ----------
    since : datetime
        When it was found, UTC.
    expected, observed : Decimal
        Shares by the ledger; shares of them that the account holds.
    missing : Decimal
        What nothing explains. While there is any, no order is sent in it; else it is only not bought.
    position : Position or None
        As it was before shares were missing, so that shares that come back are what they were.
    reason : str
        In words.
    """

    symbol: str
    since: datetime
    expected: Decimal
    observed: Decimal
    missing: Decimal = NOTHING
    position: Position | None = None
    reason: str = ""

    @property
    def description(self) -> str:
        """Both figures and the reason, in words."""
        return f"{self.symbol}: the ledger holds {self.expected:f}, the account {self.observed:f}{self.reason}"


class AccountConditions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the last reconciliation left in force.

    Attributes
    ----------
    frozen : mapping of str to FrozenSymbol
        By symbol.
    others : mapping of str to Decimal
        Shares in the account that are not the engine's: a person's, left alone for ever.
    reserved : mapping of str to Decimal
        Shares of the engine's that an order which is not the engine's holds back.
    cash_difference : Decimal
        The account's cash less the ledger's where that is beyond the tolerance: entries stop. US dollars.
    restricted : str
        Why the account takes no orders; empty when it does.
    reduced_by_faults : bool
        Whether failed steps alone made the state REDUCING: it ends by itself.
    """

    frozen: Mapping[str, FrozenSymbol] = field(default_factory=dict)
    others: Mapping[str, Decimal] = field(default_factory=dict)
    reserved: Mapping[str, Decimal] = field(default_factory=dict)
    cash_difference: Decimal = NOTHING
    restricted: str = ""
    reduced_by_faults: bool = False


NO_CONDITIONS = AccountConditions()
