"""Recall: for each stock, the past trades begun in a situation like now's, with what came of them.

The past is the ledger's, so that what a view recalls depends on the ledger and the moment alone: not on a
graph, a thread or a clock.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from adapters.memory.journal import Journal, trading_steps_after
from adapters.memory.round_trips import PositionTracker, TrackedPosition, outcome
from core.ports import Feed
from core.types import Floats, MarketView, Memory

READ_STEPS = 250


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Situation:
    """How the market stands.

    Attributes
    ----------
    regime : str
        The regime's name.
    names : tuple of str, length F
        Names of the factors.
    factors : mapping of str to ndarray of float64, shape (F,)
        Each stock's z-scores; NaN where one is missing.
    """

    regime: str
    names: tuple[str, ...]
    factors: Mapping[str, Floats]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTrade:
    """A closed position, and since when the ledger knows how it ended."""

    position: TrackedPosition
    known_at: datetime


class SimilarTrades:
    """The closed trades of a ledger, in the order in which it came to know them. For one thread."""

    def __init__(self, journal: Journal, sector_of: Mapping[str, str]) -> None:
        self._journal = journal
        self._tracker = PositionTracker(sector_of)
        self._read = 0
        self._trades: list[PastTrade] = []
        self._known_at: list[datetime] = []

    def before(self, as_of: datetime) -> Sequence[PastTrade]:
        """Return the trades whose end was booked by a step earlier than `as_of`.

        Earlier, not at the same moment: a step's own fills are booked after its view is made.
        """
        self._catch_up()
        return self._trades[: bisect_left(self._known_at, as_of)]

    def _catch_up(self) -> None:
        while steps := trading_steps_after(self._journal, self._read, READ_STEPS):
            for place, report in steps:
                for event in self._tracker.take(report):
                    if event.closed:
                        known_at = max(report.as_of, self._known_at[-1]) if self._known_at else report.as_of
                        self._trades.append(PastTrade(position=event.position, known_at=known_at))
                        self._known_at.append(known_at)
                self._read = place


class RecallingFeed:
    """A feed whose views recall similar past trades. Implements `core.ports.Feed`.

    Parameters
    ----------
    situation_of : callable
        Returns the situation of a view; None where none is known.
    facts_max : int
        How many past trades each stock is shown.
    """

    def __init__(
        self,
        feed: Feed,
        journal: Journal,
        situation_of: Callable[[MarketView], Situation | None],
        facts_max: int,
        sector_of: Mapping[str, str],
    ) -> None:
        self._feed = feed
        self._trades = SimilarTrades(journal, sector_of)
        self._situation_of = situation_of
        self._facts_max = facts_max
        self._sector_of = sector_of
        self._last: tuple[tuple[bytes, int], tuple[Memory, ...]] = ((b"", 0), ())

    def view(self, as_of: datetime) -> MarketView:
        """Return all that was known at `as_of`, with the similar past trades."""
        view = self._feed.view(as_of)
        trades = self._trades.before(as_of)
        if not trades or view.row < 0:
            return view
        key = (view.bars.digest, len(trades))
        if key != self._last[0]:
            situation = self._situation_of(view)
            self._last = key, recalled(situation, trades, self._facts_max, self._sector_of) if situation else ()
        return replace(view, memories=self._last[1]) if self._last[1] else view


def recalled(
    situation: Situation, trades: Sequence[PastTrade], facts_max: int, sector_of: Mapping[str, str]
) -> tuple[Memory, ...]:
    """Return each stock the nearest past trades of its sector in this regime, nearest first.

    The distance is the root mean square difference of the factors that both have; a trade without factors
    comes after those with, and of two alike the newer comes first.
    """
    by_sector: dict[str, list[PastTrade]] = {}
    for past in reversed(trades):
        if past.position.regime == situation.regime:
            by_sector.setdefault(past.position.sector, []).append(past)
    tables = {sector: _factors(alike, situation.names) for sector, alike in by_sector.items()}
    memories = []
    for symbol, now in sorted(situation.factors.items()):
        alike = by_sector.get(sector_of.get(symbol, ""), [])
        if alike:
            distances = _distances(tables[sector_of[symbol]], now)
            nearest = np.argsort(distances, kind="stable")[:facts_max]
            memories += [_memory(symbol, alike[index], float(distances[index])) for index in nearest]
    return tuple(memories)


def _factors(trades: Sequence[PastTrade], names: Sequence[str]) -> Floats:
    rows = [past.position.entry.factors if past.position.entry else {} for past in trades]
    return np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=np.float64)


def _distances(table: Floats, now: Floats) -> Floats:
    """Root mean square over the factors that both have; infinity where they share none."""
    squares = (table - now) ** 2
    shared = np.isfinite(squares).sum(axis=1)
    sums = np.where(np.isfinite(squares), squares, 0.0).sum(axis=1)
    return np.where(shared > 0, np.sqrt(sums / np.maximum(shared, 1)), np.inf)


def _memory(symbol: str, past: PastTrade, distance: float) -> Memory:
    near = f"factor distance {distance:.2f}" if np.isfinite(distance) else "no factors to compare"
    return Memory(symbol=symbol, fact=f"{outcome(past.position)} [{near}]", valid_at=past.known_at)
