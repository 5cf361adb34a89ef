"""The ledger's steps as the memory reads them: what was done and why, without what was only looked at.

A whole report takes four times as long to decode.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from core.errors import LedgerError
from core.plain_words import plain_reason
from core.types import CashMovement, Cycle, Decision, Fill, Order, RefusedOrder, TradingState


class Named(msgspec.Struct, frozen=True):
    """A regime, by name."""

    name: str


class Ranked(msgspec.Struct, frozen=True):
    """A stock's factors."""

    symbol: str
    factors: dict[str, float]


class MarketAnalysis(msgspec.Struct, frozen=True):
    """The market analysis of a step."""

    regime: Named | None = None
    ranking: tuple[Ranked, ...] = ()


class Approved(msgspec.Struct, frozen=True):
    """An order that passed every limit."""

    order: Order


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a step intended."""

    decisions: tuple[Decision, ...]
    approved: tuple[Approved, ...]
    refused: tuple[RefusedOrder, ...]
    unchanged: tuple[str, ...]
    analysis: MarketAnalysis = msgspec.field(name="opinion")
    state: TradingState
    alerts: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True):
    """A step; the fields are those of `core.types.StepReport`."""

    decision_id: str
    cycle: Cycle
    as_of: datetime
    source: str
    plan: Plan
    fills: tuple[Fill, ...] = ()
    cash_movements: tuple[CashMovement, ...] = ()
    feed_fault: str = ""
    notes: tuple[str, ...] = ()


class Journal(Protocol):
    """The ledger's steps in order, each one's place and its report as JSON."""

    def journal(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return up to `limit` steps after a place, oldest first."""
        ...

    def trading_journal(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return the same of those steps only that approved or filled something."""
        ...

    def last_step(self) -> int:
        """Return the newest step's place; 0 in a new ledger."""
        ...


def trading_steps_after(journal: Journal, place: int, limit: int) -> list[tuple[int, Step]]:
    """Read up to `limit` steps after a place that approved or filled something; as `steps_after`."""
    return _decoded(journal.trading_journal(place, limit), place)


def steps_after(journal: Journal, place: int, limit: int) -> list[tuple[int, Step]]:
    """Read up to `limit` steps after a place, oldest first, each with its own.

    Raises
    ------
    core.errors.LedgerError
        When one cannot be read.
    """
    return _decoded(journal.journal(place, limit), place)


def _decoded(rows: Sequence[tuple[int, bytes]], place: int) -> list[tuple[int, Step]]:
    try:
        return [(at, _decoder.decode(body)) for at, body in rows]
    except msgspec.MsgspecError as error:
        raise LedgerError(
            f"A recorded report after step {place} cannot be read: {plain_reason(error)}."
        ) from error


_decoder = msgspec.json.Decoder(Step)
