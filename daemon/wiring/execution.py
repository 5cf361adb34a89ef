"""How entries are ordered on a route: as the settings say, else as suits its broker."""

from __future__ import annotations

from config.environment import OrderRoute
from config.execution import ExecutionSettings
from core.entry_terms import EntryKind, EntryTerms
from core.money import to_decimal

AT_ALPACA = (OrderRoute.ALPACA_PAPER, OrderRoute.ALPACA_LIVE)


def entry_terms(settings: ExecutionSettings, route: OrderRoute) -> EntryTerms:
    """Return how entries are ordered on a route."""
    suits = EntryKind.LIMIT_COLLAR if route in AT_ALPACA else EntryKind.MARKET
    kind = suits if settings.entry is None else EntryKind(settings.entry)
    return EntryTerms(kind=kind, collar_bps=to_decimal(settings.collar_bps))


def buys_whole_shares(settings: ExecutionSettings, route: OrderRoute) -> bool:
    """Return whether only whole shares are bought on a route."""
    return route in AT_ALPACA if settings.whole_shares is None else settings.whole_shares
