"""What an engine is given where there is no memory and no stream: null objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date, datetime
from typing import Any

from core.loss_sales import HeldLot, LossSale
from core.protection import PositionProtection
from core.types import Event, Fill, MarketAnalysis, Order, Portfolio, StepReport, TradingState


class NullMemory:
    """The memory of a backtest: every report is in its ledger already."""

    def during_step(self) -> AbstractContextManager[None]:
        """Hold nobody back: there is nobody."""
        return nullcontext()

    def remember(self, report: StepReport) -> None:
        """Keep nothing more."""


class NullProtection:
    """Nothing outlives a backtest: its stops are checked against the bars."""

    def update(self, decision_id: str, portfolio: Portfolio, analysis: MarketAnalysis) -> None:
        """Leave nothing anywhere."""

    def by_symbol(self) -> Mapping[str, PositionProtection]:
        """Return nothing."""
        return {}

    def resting_orders(self) -> tuple[Order, ...]:
        """Return nothing."""
        return ()


class NullLots:
    """The tax lots of an engine that pays no tax."""

    def losses_after(self, fills: Sequence[Fill], today: date) -> Mapping[str, tuple[LossSale, ...]]:  # noqa: ARG002  nothing depends on them
        """Return nothing."""
        return {}

    def replacing_lots(self, today: date) -> Mapping[str, tuple[HeldLot, ...]]:  # noqa: ARG002  nothing depends on it
        """Return nothing."""
        return {}


def no_events(report: StepReport, before: TradingState) -> None:
    """Publish nothing of a report."""


class NullEventBus:
    """The stream of a backtest: nobody listens."""

    def publish(self, topic: str, at: datetime, data: Mapping[str, Any]) -> Event:
        """Pass nothing on."""
        return Event(topic=topic, sequence=0, at=at, data=data)
