"""Events: what is published of a step, one event a fact, in sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

TOPICS = (
    "regime.update", "sector.hot", "signal.buy", "signal.sell", "decision.made", "order.submitted",
    "order.filled", "order.refused", "risk.alert", "portfolio.update", "job.progress", "model.updated",
    "state.changed", "order.cancelled", "order.expired", "corporate.action", "cash.movement",
    "scoreboard.update", "letter.written",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact on the stream: its topic, its place in the sequence, when, and what.

    Attributes
    ----------
    data : mapping of str to Any
        Plain JSON values.
    """

    topic: str
    sequence: int
    at: datetime
    data: Mapping[str, Any]
