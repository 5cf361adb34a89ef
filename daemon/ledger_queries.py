"""What the service needs of its parts beyond the engine's ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from core.errors import LedgerError, RequestError
from core.round_trips import RoundTrip
from core.service import EquityMark, EquityPoint, Job, OrderRecord
from core.types import Fill, StepReport
from daemon.child_jobs import JobRunner
from daemon.equity_comparison import compare_with_market
from pipeline.engine import Engine


class LongWork(Protocol):
    """A kind of long job: how to start it, given the runner."""

    def __call__(self, engine: Engine, runner: JobRunner, parameters: Mapping[str, Any]) -> Job:
        """Start it."""
        ...


class Readers(Protocol):
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

    def trades(self, limit: int) -> Sequence[RoundTrip]:
        """Return closed round trips, newest first."""
        ...

    def equity_marks(self, sessions: int) -> Sequence[EquityMark]:
        """Return the portfolio's equity at the end of the last sessions, oldest first."""
        ...

    def state_reason(self) -> str:
        """Return why the trading state is what it is."""
        ...


class MarketNames(NamedTuple):
    """What the equity is compared with: an index, and the stocks of the equal-weight portfolio."""

    benchmark: str
    universe: tuple[str, ...]


class LedgerReads:
    """The part of the service that reads what is recorded.

    Attributes
    ----------
    engine : Engine or None
        Once it is built.
    """

    def __init__(self, market: MarketNames) -> None:
        self.engine: Engine | None = None
        self._readers: Readers | None = None
        self._not_ready = "The engine is starting."
        self._market = market

    def decisions(self, limit: int) -> Sequence[StepReport]:
        """Return recorded decisions, newest first."""
        return self._require_readers().decisions(limit)

    def decision(self, decision_id: str) -> StepReport | None:
        """Return one recorded decision."""
        return self._require_readers().decision(decision_id)

    def orders(self, limit: int) -> Sequence[OrderRecord]:
        """Return orders, newest first."""
        return self._require_readers().orders(limit)

    def orders_of(self, decision_id: str) -> Sequence[OrderRecord]:
        """Return the orders of one decision, in the order they are sent."""
        return self._require_readers().orders_of(decision_id)

    def fills(self, limit: int) -> Sequence[Fill]:
        """Return fills, newest first."""
        return self._require_readers().fills(limit)

    def trades(self, limit: int) -> Sequence[RoundTrip]:
        """Return closed round trips, newest first."""
        return self._require_readers().trades(limit)

    def equity(self, sessions: int) -> Sequence[EquityPoint]:
        """Return the last sessions' equity beside the market's, oldest first."""
        view = self.engine.last_view if self.engine else None
        marks = self._require_readers().equity_marks(sessions)
        return compare_with_market(
            marks,
            view.bars if view else None,
            sessions=sessions,
            benchmark=self._market.benchmark,
            universe=self._market.universe,
        )

    def state_reason(self) -> str:
        """Return why the trading state is what it is; empty when nobody changed it. Never fails."""
        try:
            return self._readers.state_reason() if self._readers else ""
        except LedgerError as error:
            return str(error)

    def _require_readers(self) -> Readers:
        if self._readers is None:
            raise RequestError(self._not_ready, hint="GET /ready tells when it is.", status=503)
        return self._readers
