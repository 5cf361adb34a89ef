"""How much of an account's cash is the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from config.broker import BrokerSettings
from core.money import to_cents, to_decimal
from core.trading import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Capital:
    """The engine's part of an account.

    Attributes
    ----------
    usd : Decimal or None
        What it begins with, US dollars; what a person pays in or out later is then a person's. None where a share
        of the account is the engine's.
    share : Decimal
        Of the account's cash, and of what is paid in or out, in (0, 1].
    """

    usd: Decimal | None = None
    share: Decimal = Decimal(1)

    @property
    def is_whole(self) -> bool:
        """Whether all of the account's cash is the engine's."""
        return self.usd is None and self.share == 1

    def opening(self, cash: Decimal) -> Decimal:
        """Return what the engine begins with, of an account's cash."""
        return to_cents(cash * self.share) if self.usd is None else min(self.usd, cash)

    def of_flow(self, amount: Decimal) -> Decimal:
        """Return the engine's part of cash that came or went for no trade of its own."""
        return to_cents(amount * self.share) if self.usd is None else ZERO


WHOLE_ACCOUNT = Capital()


def capital_of(settings: BrokerSettings) -> Capital:
    """Return the engine's part as the settings name it."""
    usd = settings.capital_usd
    return Capital(usd=None if usd is None else to_decimal(usd), share=to_decimal(settings.capital_share))
