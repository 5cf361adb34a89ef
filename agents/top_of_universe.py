"""A team without models: holds the best of the universe by one score, in equal parts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date

import numpy as np

from core.types import Action, Cycle, Decision, Floats, MarketAnalysis, MarketView, Portfolio, Signal

Score = Callable[[MarketView], Floats]
EPOCH = date(2000, 1, 3)


class TopNStrategy:
    """Implements `core.ports.Team`: every few sessions it holds the `count` best symbols at equal weight.

    Parameters
    ----------
    symbols : sequence of str
        What may be held.
    score : callable
        Gives one number a column of the view's bars, shape (N,); NaN is never held.
    every_sessions : int
        How many weekdays lie between two rebalances, counted from 2000-01-03.
    exposure : float
        Share of equity in the whole portfolio, in (0, 1].
    """

    def __init__(
        self, symbols: Sequence[str], score: Score, *, count: int, every_sessions: int, exposure: float = 1.0
    ) -> None:
        self._symbols = tuple(symbols)
        self._score = score
        self._count = count
        self._every = every_sessions
        self._weight = exposure / count

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        """Return the best as candidates on a rebalancing day; an empty analysis on the others."""
        del portfolio
        if not cycle.entries or not self._is_due(view):
            return MarketAnalysis()
        scores = self._score(view)
        names = view.eligible(self._symbols)
        columns = np.array([view.bars.column[s] for s in names], dtype=np.intp)
        known = np.flatnonzero(np.isfinite(scores[columns]))
        best = known[np.argsort(-scores[columns][known], kind="stable")[: self._count]]
        signals = tuple(
            Signal(
                agent="rule", symbol=names[i], score=1.0, confidence=1.0, reason=f"score {scores[columns[i]]:.6f}"
            )
            for i in best
        )
        return MarketAnalysis(candidates=tuple(sorted(signal.symbol for signal in signals)), signals=signals)

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        """Leave what is no longer among the best, hold the rest at equal weight."""
        del cycle
        if not analysis.candidates:
            return ()
        best = set(analysis.candidates)
        return tuple(
            self._decision(symbol, held=symbol in portfolio.positions, wanted=symbol in best)
            for symbol in sorted(best | set(portfolio.positions))
        )

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        """Return the analysis as it is: it explains itself."""
        del view, symbols
        return analysis

    def _decision(self, symbol: str, *, held: bool, wanted: bool) -> Decision:
        action = (Action.RESIZE if held else Action.ENTER) if wanted else Action.EXIT
        return Decision(
            symbol=symbol,
            action=action,
            score=1.0 if wanted else -1.0,
            confidence=1.0,
            rule="rebalance",
            target_weight=self._weight if wanted else None,
        )

    def _is_due(self, view: MarketView) -> bool:
        """Return whether the view's last session is the first of its period."""
        if view.row < 1:
            return False
        before, now = view.bars.dates[view.row - 1], view.bars.dates[view.row]
        return weekdays((before - EPOCH).days) // self._every != weekdays((now - EPOCH).days) // self._every


def weekdays(days: int) -> int:
    """Count the weekdays in so many days from a Monday on."""
    return days // 7 * 5 + min(days % 7, 5)
