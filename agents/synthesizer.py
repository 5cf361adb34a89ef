"""The synthesizer: votes become one score a symbol, and scores become decisions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from config.trading import SynthesizerSettings
from core.types import Action, Cycle, Decision, MarketAnalysis, Portfolio, Signal, Vote

TOP_QUARTER_RATE = 0.25
SCORE_MAX = 0.999


def weigh(signals: Sequence[Signal], weights: Mapping[str, float]) -> tuple[Vote, ...]:
    """Give each signal its weight, renormalised over the agents that spoke, so that weights sum to 1."""
    total = sum(weights.get(signal.agent, 0.0) for signal in signals)
    if total <= 0:
        return ()
    return tuple(Vote(signal=signal, weight=weights.get(signal.agent, 0.0) / total) for signal in signals)


def implied_probability(score: float, base_rate: float = TOP_QUARTER_RATE) -> float:
    """Give the probability of the top quarter that a vote stands for: the inverse of `agents.quant.score_of`.

    A ranker that speaks alone gets its own calibrated probability back; with others beside it the vote moves
    the odds as their weighted mean does. That the others' scores are log-odds too is a prior.

    Parameters
    ----------
    score : float
        In [-1, 1].

    Returns
    -------
    float
        In [0, 1]; the base rate at score 0, rising with the score.
    """
    ratio = math.exp(math.atanh(min(max(score, -SCORE_MAX), SCORE_MAX)))
    return base_rate * ratio / (1 - base_rate + base_rate * ratio)


class Synthesizer:
    """Turns opinions into decisions: buys above the entry score, sells held names below the exit score."""

    def __init__(self, settings: SynthesizerSettings) -> None:
        self._settings = settings
        self._weights = {
            "decide": settings.weights.model_dump(),
            "decide_v2": settings.legacy_weights.model_dump(),
        }

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        """Decide on every candidate, every held name, and every symbol asked for by name.

        Returns
        -------
        tuple of Decision
            Sorted by symbol; none in a cycle that does not decide.
        """
        weights = self._weights.get(cycle.name)
        if weights is None:
            return ()
        if analysis.targets:
            return hold_targets(analysis, portfolio, cycle, self._settings.diversified.entry_weight_min_pct)
        said = defaultdict(list)
        for signal in analysis.signals:
            said[signal.symbol].append(signal)
        judged = {*analysis.candidates, *cycle.symbols, *portfolio.positions}
        if cycle.symbols:
            judged &= set(cycle.symbols)
        return tuple(
            self._decide_one(
                symbol,
                weigh(said[symbol], weights),
                held=symbol in portfolio.positions,
                candidate=symbol in analysis.candidates,
            )
            for symbol in sorted(judged)
        )

    def _decide_one(self, symbol: str, votes: tuple[Vote, ...], *, held: bool, candidate: bool) -> Decision:
        score = sum(vote.weight * vote.signal.score for vote in votes)
        action, rule, reason = self._judge(score, held=held, candidate=candidate, heard=bool(votes))
        signalled = sorted(votes, key=lambda v: (-abs(v.weight * v.signal.score), v.signal.agent))
        return Decision(
            symbol=symbol,
            action=action,
            score=score,
            confidence=sum(vote.weight * vote.signal.confidence for vote in votes),
            rule=rule,
            votes=votes,
            reasons=(reason, *(f"{v.signal.agent} {v.signal.score:+.2f}: {v.signal.reason}" for v in signalled)),
            p_win=implied_probability(score) if votes else None,
        )

    def _judge(self, score: float, *, held: bool, candidate: bool, heard: bool) -> tuple[Action, str, str]:
        buy, sell = self._settings.buy_score_min, self._settings.sell_score_max
        if not heard:
            return Action.HOLD, "no_votes", "every agent abstained"
        if held and score < sell:
            return Action.EXIT, "score", f"score {score:+.2f} is below {sell:+.2f}"
        if held:
            return Action.HOLD, "score", f"score {score:+.2f} is not below {sell:+.2f}: keep"
        if not candidate:
            return Action.HOLD, "no_candidate", "neither the scan nor the ranker picked it"
        if score > buy:
            return Action.ENTER, "score", f"score {score:+.2f} is above {buy:+.2f}"
        return Action.HOLD, "score", f"score {score:+.2f} is not above {buy:+.2f}"


def hold_targets(
    analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle, entry_weight_min_pct: float
) -> tuple[Decision, ...]:
    """Decide to hold the book that an agent sized: enter, resize, and leave what has no target.

    Other agents' signals are shown as votes without weight: they explain, they do not decide.
    """
    said = defaultdict(list)
    for signal in analysis.signals:
        said[signal.symbol].append(Vote(signal=signal, weight=0.0))
    large = {symbol for symbol, target in analysis.targets.items() if target >= entry_weight_min_pct}
    judged = {*large, *portfolio.positions}
    if cycle.symbols:
        judged &= set(cycle.symbols)
    return tuple(
        _held_at(symbol, analysis.targets.get(symbol, 0.0), symbol in portfolio.positions, tuple(said[symbol]))
        for symbol in sorted(judged)
    )


def _held_at(symbol: str, target: float, held: bool, votes: tuple[Vote, ...]) -> Decision:
    if target <= 0:
        action, reason = Action.EXIT, "the diversified book no longer holds it"
    else:
        action = Action.RESIZE if held else Action.ENTER
        reason = f"the diversified book holds {target:.2%} of equity in it"
    return Decision(
        symbol=symbol,
        action=action,
        score=target,
        confidence=1.0,
        rule="allocation",
        votes=votes,
        reasons=(reason,),
        target_weight=target if target > 0 else None,
    )
