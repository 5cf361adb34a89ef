"""An agent that sizes the whole portfolio from closes and votes for no stock: it needs no forecast of returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from msgspec.structs import replace

from agents.agent import Agent, signals_of
from agents.baseline import baseline_weights
from agents.diversified import portfolio_weights
from agents.evidence import EvidenceAgent, EvidenceProvider, NoEvidence
from config.trading import SynthesizerSettings
from core.linear_algebra import one_thread
from core.types import Abstention, Floats, MarketAnalysis, MarketView

NOBODY_TO_HOLD = "no stock of the universe belongs to it today and has bars to go by; what is held stays"
Weights = Callable[[Floats], Floats]


class AllocationAgent:
    """Gives the share of equity to hold in each stock, from the last closes alone.

    Parameters
    ----------
    sessions : int
        Returns that the weights are made from.
    weights : callable
        Gives shares of equity (N,), summing to at most 1, for closes (sessions + 1, N), NaN without a bar.
    """

    def __init__(self, name: str, stocks: Sequence[str], sessions: int, weights: Weights) -> None:
        self.name = name
        self._stocks = tuple(stocks)
        self._sessions = sessions
        self._weights = weights
        self._last: tuple[bytes, tuple[str, ...], Floats] = (b"", (), np.empty(0))

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Return the targets, and each as a signal."""
        stocks = view.eligible(self._stocks)
        if view.row < self._sessions or not stocks:
            reason = f"it needs {self._sessions} sessions of returns" if stocks else NOBODY_TO_HOLD
            return MarketAnalysis(abstentions=(Abstention(agent=self.name, reason=reason),))
        weights = self._weights_of(view, stocks)
        targets = {s: float(w) for s, w in zip(stocks, weights, strict=True) if w > 0}
        scores = {s: (w, f"{w:.2%} of the {self.name} book") for s, w in targets.items()}
        wanted = [s for s in symbols if s in targets]
        signalled = signals_of(self.name, scores, wanted, confidence=1.0, missing="")
        return replace(signalled, targets=targets, candidates=tuple(sorted(targets)))

    def _weights_of(self, view: MarketView, stocks: tuple[str, ...]) -> Floats:
        """Return the weights, shape (len(stocks),); computed once a session."""
        if self._last[:2] != (view.bars.digest, stocks):
            columns = [view.bars.column[s] for s in stocks]
            close = view.bars.close[-self._sessions - 1 :, columns]
            with one_thread():
                self._last = (view.bars.digest, stocks, self._weights(close))
        return self._last[2]


def allocator_of(
    stocks: Sequence[str], settings: SynthesizerSettings, evidence: EvidenceProvider | None = None
) -> Agent | None:
    """Return the agent that the settings let size the portfolio; None where votes decide."""
    baseline, diversified = settings.baseline, settings.diversified
    kinds: dict[str, tuple[int, Weights]] = {
        "baseline": (
            baseline.volatility_sessions + baseline.averaging_sessions - 1,
            lambda close: baseline_weights(close, baseline),
        ),
        "diversified": (
            max(diversified.lookback_sessions),
            lambda close: portfolio_weights(close, diversified),
        ),
    }
    made = {name: AllocationAgent(name, stocks, *how) for name, how in kinds.items()}
    sized: dict[str, Agent] = {**made, "evidence": EvidenceAgent(made["baseline"], evidence or NoEvidence())}
    return sized.get(settings.allocation)
