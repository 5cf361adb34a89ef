"""A flatten in progress: what is written down of it, and what is left."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from core.types import TradingState


class FlattenLeft(NamedTuple):
    """Something that a flatten has not sold or cancelled yet: how many shares are held, and why."""

    symbol: str
    quantity: Decimal
    reason: str


class FlattenProgress(NamedTuple):
    """A flatten in progress since a moment; None where there is none."""

    since: datetime | None
    left: tuple[FlattenLeft, ...]


class FlattenRecord(Protocol):
    """Remembers that everything is being sold."""

    def start_flattening(self, at: datetime, state: TradingState | None = None, reason: str = "") -> None:
        """Write down that a person asked to sell everything, with the trading state where it changes."""
        ...

    def end_flattening(self, state: TradingState, reason: str) -> None:
        """Write down, with the trading state, that everything is sold, or need not be any more."""
        ...

    def flattening_since(self) -> datetime | None:
        """Return since when everything is being sold; None where it is not."""
        ...
