"""What evidence changes in a decision: which votes count, and what challengers have of the baseline's capital."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from agents.agent import Agent, signals_of
from core.types import MarketAnalysis, MarketView


class Challenger(NamedTuple):
    """A shadow book's share of the capital, in [0, 1], and the share of its own equity it holds by symbol."""

    share: float
    weights: Mapping[str, float]


class EvidenceProvider(Protocol):
    """What was known before a view's last session: the session itself is judged after the decision on it."""

    def shown_agents(self, view: MarketView) -> frozenset[str]:
        """Return the agents whose edge is shown."""
        ...

    def challengers(self, view: MarketView) -> Mapping[str, Challenger]:
        """Return the challengers that have capital, by name."""
        ...


class NoEvidence:
    """Null object: nothing is shown, and no challenger has capital."""

    def shown_agents(self, view: MarketView) -> frozenset[str]:
        """Return no agent."""
        del view
        return frozenset()

    def challengers(self, view: MarketView) -> Mapping[str, Challenger]:
        """Return no challenger."""
        del view
        return {}


class EvidenceAgent:
    """Sizes the whole portfolio: the baseline's, and of each challenger what it has earned.

    While nothing is shown and no seed is given it is the baseline, to the share.
    """

    name = "evidence"

    def __init__(self, baseline: Agent, provider: EvidenceProvider) -> None:
        self._baseline = baseline
        self._provider = provider

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Return the targets, and each as a signal."""
        base = self._baseline.signals(view, symbols)
        challengers = self._provider.challengers(view) if base.targets else {}
        if not challengers:
            return base
        stays = 1.0 - sum(one.share for one in challengers.values())
        targets = {symbol: stays * weight for symbol, weight in base.targets.items()}
        for one in challengers.values():
            for symbol, weight in one.weights.items():
                targets[symbol] = targets.get(symbol, 0.0) + one.share * weight
        shares = ", ".join(f"{name} {one.share:.1%}" for name, one in sorted(challengers.items()))
        scores = {
            s: (weight, f"{weight:.2%} of equity: baseline {stays:.1%}, {shares}")
            for s, weight in targets.items()
        }
        wanted = [symbol for symbol in symbols if symbol in targets]
        signalled = signals_of(self.name, scores, wanted, confidence=1.0, missing="")
        return replace(signalled, targets=targets, candidates=tuple(sorted(targets)), models={self.name: shares})
