"""What the service needs of its parts beyond the engine's ports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from core.service import Job, OrderRecord, Trade
from core.types import Fill, StepReport
from pipeline.engine import Engine
from pipeline.jobs import JobRunner


class LongWork(Protocol):
    """A kind of long job: how to start it, given the runner."""

    def __call__(self, engine: Engine, runner: JobRunner, parameters: Mapping[str, Any]) -> Job:
        """Start it."""
        ...


class Readers(Protocol):
    """The ledger's read side; safe from any thread."""

    def decisions(self, limit: int) -> Sequence[StepReport]:
        """Give recorded decisions, newest first."""
        ...

    def decision(self, decision_id: str) -> StepReport | None:
        """Give one recorded decision."""
        ...

    def orders(self, limit: int) -> Sequence[OrderRecord]:
        """Give orders, newest first."""
        ...

    def fills(self, limit: int) -> Sequence[Fill]:
        """Give fills, newest first."""
        ...

    def trades(self, limit: int) -> Sequence[Trade]:
        """Give closed round trips, newest first."""
        ...

    def state_reason(self) -> str:
        """Say why the trading state is what it is."""
        ...
