"""Protection that outlives the process: where a stop rests, and the ports through which it gets there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from core.brackets import OFF, Bracket
from core.types import MarketAnalysis, Order, Portfolio


class PositionProtection(Struct, frozen=True, kw_only=True):
    """Where the stop of a position rests, and what of it has none.

    Attributes
    ----------
    rests_at : str
        Who holds the stop when our process is gone, in words; empty when nobody does.
    quantity : Decimal
        Shares that it covers.
    bare_quantity : Decimal
        Shares without a resting stop.
    bare_reason : str
        Why; empty when all are covered.
    client_order_id : str or None
        The resting order, where it is one of its own.
    """

    rests_at: str
    quantity: Decimal
    bare_quantity: Decimal = OFF
    bare_reason: str = ""
    stop_price: Decimal | None = None
    target_price: Decimal | None = None
    client_order_id: str | None = None


class StopKeeper(Protocol):
    """Leaves stops where they outlive this process."""

    def rest(self, brackets: Sequence[Bracket], portfolio: Portfolio, at: datetime) -> None:
        """Let the stops and targets of what is held rest, and no others."""
        ...

    def protection(self, portfolio: Portfolio) -> Mapping[str, PositionProtection]:
        """Return where each position's stop rests, by symbol, as of the last `rest`."""
        ...

    def resting_orders(self) -> tuple[Order, ...]:
        """Return the orders that rest, each of which may fill at any moment."""
        ...


class StopSupervisor(Protocol):
    """Keeps what is held protected beyond the life of this process; called at the end of each live step."""

    def update(self, decision_id: str, portfolio: Portfolio, analysis: MarketAnalysis) -> None:
        """Let the stops follow the portfolio; publishes what is bare, and never raises for a broker's fault."""
        ...

    def by_symbol(self) -> Mapping[str, PositionProtection]:
        """Return where each position's stop rests, as of the last step; from any thread."""
        ...

    def resting_orders(self) -> tuple[Order, ...]:
        """Return the orders that rest, each of which may fill at any moment."""
        ...
