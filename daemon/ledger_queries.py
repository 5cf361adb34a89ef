"""What the service asks of the ledger: its read side, safe from any thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from core.round_trips import RoundTrip
from core.service import EquityMark, OrderRecord
from core.types import CashMovement, Fill, StepReport


class LedgerQueries(Protocol):
    """The ledger's read side; safe from any thread."""

    def decisions(self, limit: int) -> Sequence[StepReport]:
        """Return recorded decisions, newest first."""
        ...

    def decision(self, decision_id: str) -> StepReport | None:
        """Return one recorded decision."""
        ...

    def orders(self, limit: int) -> Sequence[OrderRecord]:
        """Return orders, newest first."""
        ...

    def orders_of(self, decision_id: str) -> Sequence[OrderRecord]:
        """Return the orders of one decision, in the order they are sent."""
        ...

    def fills(self, limit: int) -> Sequence[Fill]:
        """Return fills, newest first."""
        ...

    def cash_movements(self, limit: int) -> Sequence[CashMovement]:
        """Return cash that came or went without a trade, newest first."""
        ...

    def trades(self, limit: int) -> Sequence[RoundTrip]:
        """Return closed round trips, newest first."""
        ...

    def equity_marks(self, sessions: int) -> Sequence[EquityMark]:
        """Return the portfolio's equity at the end of the last sessions, oldest first."""
        ...

    def state_reason(self) -> str:
        """Return why the trading state is what it is."""
        ...
