"""Agents as a recorded step has them, for deciding it again: what they said then, without asking anybody."""

from __future__ import annotations

from collections.abc import Sequence

from agents.fitting import has_fit
from agents.plugins import NOT_A_NUMBER, NamedAgent
from core.types import Abstention, MarketView, Signal, Signals, StepReport


class RecordedAgent:
    """Says what it said in a step of the record, on the symbols that were decided on."""

    def __init__(self, name: str, report: StepReport) -> None:
        self.name = name
        self._said: dict[str, Signal] = {
            vote.signal.symbol: vote.signal
            for decision in report.plan.decisions
            for vote in decision.votes
            if vote.signal.agent == name
        }
        self._abstained = {a.symbol: a for a in report.plan.analysis.abstentions if a.agent == name}

    def signals(self, view: MarketView, symbols: Sequence[str]) -> Signals | Abstention:
        """Return what was said."""
        del view, symbols
        if "*" in self._abstained:
            return self._abstained["*"]
        if not self._said:
            return Abstention(agent=self.name, reason="it said nothing of what was decided on")
        first = next(iter(self._said.values()))
        unsound = {s: float("nan") for s, a in self._abstained.items() if a.reason == NOT_A_NUMBER}
        return Signals(
            scores={symbol: signal.score for symbol, signal in self._said.items()} | unsound,
            reasons={symbol: signal.reason for symbol, signal in self._said.items()},
            confidence=first.confidence,
            model_id=first.model_id,
        )


def as_recorded(agents: Sequence[NamedAgent], report: StepReport) -> tuple[NamedAgent, ...]:
    """Put the record in the place of agents that cannot be asked again with the same answer.

    Those are the remote ones, the fitted ones, and those whose call failed: a deadline is no function of a view.
    Agents that the record has never heard are left out.
    """
    failed = {a.agent for a in report.plan.analysis.abstentions if a.symbol == "*"}
    spoke = {vote.signal.agent for decision in report.plan.decisions for vote in decision.votes}
    heard = failed | spoke | {a.agent for a in report.plan.analysis.abstentions}
    return tuple(
        NamedAgent(
            name=named.name,
            agent=RecordedAgent(named.name, report),
            origin="as recorded",
            version=report.plan.analysis.models.get(named.name, ""),
        )
        if named.plugin is None or has_fit(named.agent) or named.name in failed
        else named
        for named in agents
        if named.name in heard
    )
