"""A team that buys one symbol once and holds it, or nothing at all: the plainest books to be compared with."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from core.types import Action, Cycle, Decision, MarketAnalysis, MarketView, Portfolio


class HeldTeam:
    """Implements `core.ports.Team`: enters each of its weights once, and never sells.

    Parameters
    ----------
    weights : mapping of str to float
        Share of equity by symbol, summing to at most 1; empty holds cash.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._weights = dict(weights)

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        """Return the symbols that are not held yet as candidates."""
        del cycle
        missing = [s for s in self._weights if s not in portfolio.positions and s not in view.stale]
        return MarketAnalysis(candidates=tuple(sorted(missing)))

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        """Enter what is not held."""
        del portfolio
        if not (cycle.kind.decides and cycle.entries):
            return ()
        return tuple(
            Decision(
                symbol=symbol,
                action=Action.ENTER,
                score=1.0,
                confidence=1.0,
                rule="held",
                reasons=("bought once and held",),
                target_weight=self._weights[symbol],
            )
            for symbol in analysis.candidates
        )

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        """Return the analysis as it is: it explains itself."""
        del view, symbols
        return analysis
