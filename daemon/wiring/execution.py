"""How entries are ordered on a route: as the settings say, else as suits its broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from config.environment import OrderRoute
from config.execution import ExecutionSettings
from core.entry_terms import EntryKind, EntryTerms
from core.money import to_decimal
from core.slippage import fill_slippage_bps
from core.types import Fill

if TYPE_CHECKING:
    from adapters.ledger import SqliteLedger
    from adapters.metrics import Metrics

AT_ALPACA = (OrderRoute.ALPACA_PAPER, OrderRoute.ALPACA_LIVE)


def entry_terms(settings: ExecutionSettings, route: OrderRoute) -> EntryTerms:
    """Return how entries are ordered on a route."""
    suits = EntryKind.LIMIT_COLLAR if route in AT_ALPACA else EntryKind.MARKET
    kind = suits if settings.entry is None else EntryKind(settings.entry)
    return EntryTerms(kind=kind, collar_bps=to_decimal(settings.collar_bps))


def note_slippage(fills: Sequence[Fill], ledger: SqliteLedger, metrics: Metrics) -> None:
    """Let the metrics have what each fill cost against the price that its decision stood on."""
    references = ledger.reference_prices([fill.client_order_id for fill in fills]) if fills else {}
    for fill in fills:
        bps = fill_slippage_bps(fill, references)
        if bps is not None:
            metrics.slippage(fill.side.value, bps)


def buys_whole_shares(settings: ExecutionSettings, route: OrderRoute) -> bool:
    """Return whether only whole shares are bought on a route."""
    return route in AT_ALPACA if settings.whole_shares is None else settings.whole_shares
