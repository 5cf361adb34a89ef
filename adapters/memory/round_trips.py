"""Round trips found in the ledger's steps: what was known when a position was opened, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.ledger.trades import RoundTrips
from adapters.memory.journal import Step
from config.sectors import SECTOR_OF
from core.service import Trade
from core.types import Decision, Fill, Side, Vote

NO_SECTOR = "none"
NO_REGIME = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The situation in which a buy was approved.

    Attributes
    ----------
    factors : mapping of str to float
        The ranker's z-scores at that moment; empty when it did not speak.
    """

    decision_id: str
    as_of: datetime
    regime: str
    factors: Mapping[str, float]
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """A position from its first buy on.

    Attributes
    ----------
    name : str
        The first buy's fill_id.
    entry : Entry or None
        None when the ledger has no order for the first buy.
    trade : Trade or None
        What came of it; None while it is held.
    """

    name: str
    symbol: str
    opened_at: datetime
    entry: Entry | None
    trade: Trade | None = None

    @property
    def sector(self) -> str:
        """The stock's sector."""
        return SECTOR_OF.get(self.symbol, NO_SECTOR)

    @property
    def regime(self) -> str:
        """The regime it was bought in."""
        return self.entry.regime if self.entry else NO_REGIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a fill did to a position: it opened it, closed it, or (both False) only changed its size."""

    trip: Trip
    fill: Fill
    opened: bool = False
    closed: bool = False


class PositionTracker:
    """Follows the positions from step to step. For one thread; every step once, in the ledger's order."""

    def __init__(self) -> None:
        self._trades = RoundTrips()
        self._entries: dict[str, Entry] = {}
        self._open: dict[str, Trip] = {}

    def take(self, report: Step) -> tuple[Turn, ...]:
        """Take the next step; give what its fills did to the positions."""
        turns = tuple(turn for fill in report.fills for turn in self._turns(fill))
        if report.cycle.as_of is None:
            self._note_entries(report)
        return turns

    def _note_entries(self, report: Step) -> None:
        """Keep the situation of each approved buy until it fills."""
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

    def _turns(self, fill: Fill) -> Iterator[Turn]:
        entry = self._entries.pop(fill.client_order_id, None)
        held = self._open.get(fill.symbol)
        trade = self._closed_by(fill)
        if fill.side is Side.BUY and held is None:
            held = Trip(name=fill.fill_id, symbol=fill.symbol, opened_at=fill.at, entry=entry)
            self._open[fill.symbol] = held
            yield Turn(trip=held, fill=fill, opened=True)
        elif held is not None and trade is not None:
            del self._open[fill.symbol]
            yield Turn(trip=replace(held, trade=trade), fill=fill, closed=True)
        elif held is not None:
            yield Turn(trip=held, fill=fill)

    def _closed_by(self, fill: Fill) -> Trade | None:
        before = self._trades.newest(1)
        self._trades.add(fill)
        after = self._trades.newest(1)
        return after[0] if after and (not before or after[0] is not before[0]) else None


def outcome(trip: Trip) -> str:
    """Tell in one sentence what was bought in which situation, and what came of it."""
    assert trip.trade is not None  # noqa: S101  # only closed trips have an outcome
    trade, decision = trip.trade, trip.entry.decision if trip.entry else None
    score = f", score {decision.score:+.2f}" if decision else ""
    told = (
        f"{trip.symbol}, bought {trip.opened_at:%Y-%m-%d} at {trade.entry_price} USD "
        f"({trip.regime}, {trip.sector}{score}), returned {trade.profit_pct:+.1%} by {trade.exit_at:%Y-%m-%d}: "
        f"sold by {trade.exit_rule or 'an unnamed rule'}"
    )
    right, wrong = judged(trip)
    for word, votes in (("right", right), ("wrong", wrong)):
        if votes:
            told += f"; {word}: " + ", ".join(f"{v.signal.agent} {v.signal.score:+.2f}" for v in votes)
    return told


def judged(trip: Trip) -> tuple[tuple[Vote, ...], tuple[Vote, ...]]:
    """Sort the votes of the entry into right and wrong: the sign of the score against the trade's."""
    decision = trip.entry.decision if trip.entry else None
    if trip.trade is None or decision is None:
        return (), ()
    won = trip.trade.profit_pct > 0
    votes = [vote for vote in decision.votes if vote.signal.score]
    right = tuple(vote for vote in votes if (vote.signal.score > 0) == won)
    return right, tuple(vote for vote in votes if (vote.signal.score > 0) != won)
