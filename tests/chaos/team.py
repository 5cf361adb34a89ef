"""A team that trades much and costs nothing: dice from the moment and the symbol."""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from core.types import Action, Cycle, Decision, MarketAnalysis, MarketView, Portfolio, Signal
from tests.chaos.market import SYMBOLS, average_true_range

ENTER_ABOVE, RESIZE_ABOVE, EXIT_BELOW = 0.86, 0.9, -0.93


class DiceTeam:
    """Implements `core.ports.Team`; the same moment always has the same opinion."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        atr = average_true_range(view) if portfolio.positions else {}
        held = {name: value for name, value in atr.items() if name in portfolio.positions}
        if not cycle.entries:
            return MarketAnalysis(atr=held)
        signals = tuple(self._signal(view, symbol) for symbol in SYMBOLS if symbol not in view.stale)
        wanted = tuple(signal.symbol for signal in signals if signal.score > 0)
        return MarketAnalysis(candidates=wanted, signals=signals, atr=held)

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        return tuple(_decision(signal, signal.symbol in portfolio.positions) for signal in analysis.signals)

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        return analysis

    def _signal(self, view: MarketView, symbol: str) -> Signal:
        score = Random(f"{self._seed}:{view.as_of.isoformat()}:{symbol}").uniform(-1, 1)
        return Signal(agent="dice", symbol=symbol, score=score, confidence=1.0, reason="dice")


def _decision(signal: Signal, held: bool) -> Decision:
    action = Action.HOLD
    if held and signal.score < EXIT_BELOW:
        action = Action.EXIT
    elif held and signal.score > RESIZE_ABOVE:
        action = Action.RESIZE
    elif not held and signal.score > ENTER_ABOVE:
        action = Action.ENTER
    weight = 0.03 + round((signal.score * 1000) % 1, 3) * 0.1
    return Decision(
        symbol=signal.symbol,
        action=action,
        score=signal.score,
        confidence=1.0,
        rule="dice",
        target_weight=weight if action in (Action.ENTER, Action.RESIZE) else None,
    )
