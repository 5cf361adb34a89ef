"""Positions followed through the ledger's steps: what was known when one was opened, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from adapters.memory.journal import Step
from core.round_trips import RoundTrip, RoundTripTracker
from core.types import Decision, Fill, Side, Vote

NO_SECTOR = "none"
NO_REGIME = "unknown"
FILLS_LATE_MAX = timedelta(days=14)
"""A buy whose first fill is later than this after its decision has expired, or was never sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The situation in which a buy was approved.

    Attributes
    ----------
    factors : mapping of str to float
        The ranker's z-scores at that moment; empty when it abstained.
    """

    decision_id: str
    as_of: datetime
    regime: str
    factors: Mapping[str, float]
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedPosition:
    """A position from its first buy on.

    Attributes
    ----------
    name : str
        The first buy's fill_id.
    entry : Entry or None
        None when the ledger has no order for the first buy.
    round_trip : RoundTrip or None
        How it ended; None while it is held.
    """

    name: str
    symbol: str
    opened_at: datetime
    entry: Entry | None
    round_trip: RoundTrip | None = None
    sector: str = NO_SECTOR

    @property
    def regime(self) -> str:
        """The regime it was bought in."""
        return self.entry.regime if self.entry else NO_REGIME


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionEvent:
    """What a fill did to a position: it opened it, closed it, or (both False) only changed its size."""

    position: TrackedPosition
    fill: Fill
    opened: bool = False
    closed: bool = False


class PositionTracker:
    """Follows the positions from step to step. For one thread; every step once, in the ledger's order."""

    def __init__(self, sector_of: Mapping[str, str]) -> None:
        self.sector_of = sector_of
        self._round_trips = RoundTripTracker()
        self._entries: dict[str, Entry] = {}
        self._open: dict[str, TrackedPosition] = {}

    def take(self, report: Step) -> tuple[PositionEvent, ...]:
        """Take the next step; return what its fills did to the positions."""
        for movement in report.cash_movements:
            self._round_trips.pay(movement)
        events = tuple(event for fill in report.fills for event in self._events(fill))
        if report.cycle.as_of is None:
            self._keep_entries(report)
        return events

    def _keep_entries(self, report: Step) -> None:
        """Keep the situation of each approved buy until it fills, or until it cannot any more."""
        while self._entries and (name := next(iter(self._entries))):
            if report.as_of - self._entries[name].as_of <= FILLS_LATE_MAX:
                break
            del self._entries[name]
        analysis = report.plan.analysis
        ranked = {stock.symbol: stock.factors for stock in analysis.ranking}
        decided = {decision.symbol: decision for decision in report.plan.decisions}
        for order in (approved.order for approved in report.plan.approved):
            if order.side is Side.BUY:
                self._entries[order.client_order_id] = Entry(
                    decision_id=report.decision_id,
                    as_of=report.as_of,
                    regime=analysis.regime.name if analysis.regime else NO_REGIME,
                    factors=ranked.get(order.symbol, {}),
                    decision=decided.get(order.symbol),
                )

    def _events(self, fill: Fill) -> Iterator[PositionEvent]:
        entry = self._entries.pop(fill.client_order_id, None)
        held = self._open.get(fill.symbol)
        round_trip = self._round_trips.add(fill)
        if fill.side is Side.BUY and held is None:
            sector = self.sector_of.get(fill.symbol, NO_SECTOR)
            held = TrackedPosition(
                name=fill.fill_id, symbol=fill.symbol, opened_at=fill.at, entry=entry, sector=sector
            )
            self._open[fill.symbol] = held
            yield PositionEvent(position=held, fill=fill, opened=True)
        elif held is not None and round_trip is not None:
            del self._open[fill.symbol]
            yield PositionEvent(position=replace(held, round_trip=round_trip), fill=fill, closed=True)
        elif held is not None:
            yield PositionEvent(position=held, fill=fill)


def outcome(position: TrackedPosition) -> str:
    """Describe in one sentence what was bought in which situation, and how it ended."""
    assert position.round_trip is not None  # noqa: S101  # only closed positions have an outcome
    ended, decision = position.round_trip, position.entry.decision if position.entry else None
    score = f", score {decision.score:+.2f}" if decision else ""
    text = (
        f"{position.symbol}, bought {position.opened_at:%Y-%m-%d} at {ended.entry_price} USD "
        f"({position.regime}, {position.sector}{score}), returned {ended.profit_pct:+.1%} by "
        f"{ended.exit_at:%Y-%m-%d}: sold by {ended.exit_rule or 'an unnamed rule'}"
    )
    right, wrong = votes_by_outcome(position)
    for word, votes in (("right", right), ("wrong", wrong)):
        if votes:
            text += f"; {word}: " + ", ".join(f"{v.signal.agent} {v.signal.score:+.2f}" for v in votes)
    return text


def votes_by_outcome(position: TrackedPosition) -> tuple[tuple[Vote, ...], tuple[Vote, ...]]:
    """Sort the votes of the entry into right and wrong: the sign of the score against the profit's."""
    decision = position.entry.decision if position.entry else None
    if position.round_trip is None or decision is None:
        return (), ()
    won = position.round_trip.profit_pct > 0
    votes = [vote for vote in decision.votes if vote.signal.score]
    right = tuple(vote for vote in votes if (vote.signal.score > 0) == won)
    return right, tuple(vote for vote in votes if (vote.signal.score > 0) != won)
