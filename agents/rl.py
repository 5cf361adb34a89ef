"""The RL agents: the ensemble's vote, and its members one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from msgspec.structs import replace

from agents.agent import signals_of
from core.types import Abstention, MarketAnalysis, MarketView

if TYPE_CHECKING:
    from models.rl.ensemble import EnsembleVote, MemberVote

MISSING = "its factors are missing"


class RlVoter(Protocol):
    """Judges a view with the ensemble's members."""

    def vote(self, view: MarketView) -> EnsembleVote | Abstention:
        """Give each member's actions and the vote, or say why there is none."""
        ...


class RlAgent:
    """Votes with the weighted mean of the members' target positions."""

    name = "rl"

    def __init__(self, ensemble: RlVoter) -> None:
        self._ensemble = ensemble

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Give one signal a stock whose factors are there; none while no member may vote."""
        vote = self._ensemble.vote(view)
        if isinstance(vote, Abstention):
            return MarketAnalysis(abstentions=(vote,))
        voting = [one for one in vote.members if one.weight > 0]
        if not voting:
            reasons = "; ".join(f"{one.member.name}: {one.no_vote_reason}" for one in vote.members)
            return MarketAnalysis(
                abstentions=(Abstention(agent=self.name, reason=f"no member votes: {reasons}"),)
            )
        scores = {ticker: (float(vote.votes[at]), _said(voting, at)) for ticker, at in _of(vote, symbols)}
        signalled = signals_of(
            self.name,
            scores,
            symbols,
            confidence=1.0,
            missing=MISSING,
            model_id="+".join(one.member.model_id for one in voting),
        )
        signals = tuple(
            replace(signal, confidence=agreement(voting, vote.tickers[signal.symbol]))
            for signal in signalled.signals
        )
        return replace(
            signalled, signals=signals, models={f"rl.{m.member.name}": m.member.model_id for m in voting}
        )


class RlMembersAgent:
    """Says what each member would hold, its weight as the confidence: for `/predict`, in no vote."""

    name = "rl_members"

    def __init__(self, ensemble: RlVoter) -> None:
        self._ensemble = ensemble

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Give one signal a member and stock."""
        vote = self._ensemble.vote(view)
        if isinstance(vote, Abstention):
            return MarketAnalysis(abstentions=(vote,))
        signalled = [self._member(one, vote, symbols) for one in vote.members]
        return MarketAnalysis(
            signals=tuple(signal for part in signalled for signal in part.signals),
            models={f"rl.{one.member.name}": one.member.model_id for one in vote.members},
        )

    def _member(self, one: MemberVote, vote: EnsembleVote, symbols: Sequence[str]) -> MarketAnalysis:
        reason = one.no_vote_reason or _earned(one)
        return signals_of(
            f"rl.{one.member.name}",
            {ticker: (float(one.actions[at]), reason) for ticker, at in _of(vote, symbols)},
            symbols,
            confidence=one.weight,
            missing=MISSING,
            model_id=one.member.model_id,
        )


def agreement(voting: Sequence[MemberVote], at: int) -> float:
    """Tell how far the members agree on a ticker: 1 when all point one way, 0 when they cancel out."""
    pulls = np.array([one.weight * one.actions[at] for one in voting])
    strength = float(np.abs(pulls).sum())
    return float(min(1.0, abs(pulls.sum()) / strength)) if strength > 0 else 0.0


def _of(vote: EnsembleVote, symbols: Sequence[str]) -> Sequence[tuple[str, int]]:
    places: Mapping[str, int] = vote.tickers
    return [(symbol, places[symbol]) for symbol in symbols if symbol in places]


def _said(voting: Sequence[MemberVote], at: int) -> str:
    return ", ".join(f"{one.member.name} {one.actions[at]:+.2f} (weight {one.weight:.2f})" for one in voting)


def _earned(one: MemberVote) -> str:
    if one.trailing_sharpe is None:
        return "too few sessions since its training to weigh it by"
    return f"trailing Sharpe {one.trailing_sharpe:+.2f}"
