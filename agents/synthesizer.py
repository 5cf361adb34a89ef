"""The synthesizer: weighted votes give one score a symbol, and scores become decisions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import UNSET

from config.trading import SynthesizerSettings
from core.cycles import CYCLES, WeightSet
from core.errors import InvariantError
from core.types import Action, Cycle, Decision, MarketAnalysis, Portfolio, Signal, Vote

TOP_QUARTER_RATE = 0.25
SCORE_MAX = 0.999


def weigh(signals: Sequence[Signal], weights: Mapping[str, float]) -> tuple[Vote, ...]:
    """Weigh each signal; weights are renormalised over the agents that gave one, so that they sum to 1."""
    total = sum(weights.get(signal.agent, 0.0) for signal in signals)
    if total <= 0:
        return ()
    return tuple(Vote(signal=signal, weight=weights.get(signal.agent, 0.0) / total) for signal in signals)


def implied_probability(score: float, base_rate: float = TOP_QUARTER_RATE) -> float:
    """Give the probability of the top quarter that a vote stands for: the inverse of `agents.quant.score_of`.

    A ranker that votes alone gets its own calibrated probability back; with others beside it the vote moves
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
    """Turns signals into decisions: buys above the entry score, sells held names below the exit score.

    Parameters
    ----------
    cycles : sequence of Cycle
        The cycles that will be run.

    Raises
    ------
    core.errors.InvariantError
        When a cycle weighs an agent that its weight set does not know: its vote would count for nothing.
    """

    def __init__(self, settings: SynthesizerSettings, *, cycles: Sequence[Cycle] = CYCLES) -> None:
        self._settings = settings
        self._weights: Mapping[WeightSet, Mapping[str, float]] = {
            WeightSet.NONE: {},
            WeightSet.CURRENT: settings.weights.model_dump(),
            WeightSet.LEGACY: settings.legacy_weights.model_dump(),
        }
        for cycle in cycles:
            _require_weights(cycle, self._weights)

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        """Decide on every candidate, every held name, and every symbol the cycle names.

        Returns
        -------
        tuple of Decision
            Sorted by symbol; none in a cycle that does not decide.
        """
        if not cycle.kind.decides:
            return ()
        weights = self._weights[cycle.kind.weight_set]
        if analysis.targets:
            return hold_targets(analysis, portfolio, cycle, self._settings)
        if self._settings.allocation != "votes" and cycle.kind.allocates:
            return ()  # the agent that sizes the portfolio abstained: votes have no weight in its place
        counted = analysis.counted
        if counted is not UNSET:
            weights = {agent: weight for agent, weight in weights.items() if agent in counted}
        symbols = {*analysis.candidates, *cycle.symbols, *portfolio.positions}
        if cycle.symbols:
            symbols &= set(cycle.symbols)
        signals: dict[str, list[Signal]] = {symbol: [] for symbol in symbols}
        for signal in analysis.signals:  # of thousands of stocks few are decided on
            if signal.symbol in signals:
                signals[signal.symbol].append(signal)
        return tuple(
            self._decide_one(
                symbol,
                weigh(signals[symbol], weights),
                held=symbol in portfolio.positions,
                candidate=symbol in analysis.candidates,
            )
            for symbol in sorted(symbols)
        )

    def _decide_one(self, symbol: str, votes: tuple[Vote, ...], *, held: bool, candidate: bool) -> Decision:
        score = sum(vote.weight * vote.signal.score for vote in votes)
        action, rule, reason = self._action(score, held=held, candidate=candidate, voted=bool(votes))
        strongest = sorted(votes, key=lambda v: (-abs(v.weight * v.signal.score), v.signal.agent))
        return Decision(
            symbol=symbol,
            action=action,
            score=score,
            confidence=sum(vote.weight * vote.signal.confidence for vote in votes),
            rule=rule,
            votes=votes,
            reasons=(reason, *(f"{v.signal.agent} {v.signal.score:+.2f}: {v.signal.reason}" for v in strongest)),
            p_win=implied_probability(score) if votes else None,
        )

    def _action(self, score: float, *, held: bool, candidate: bool, voted: bool) -> tuple[Action, str, str]:
        buy, sell = self._settings.buy_score_min, self._settings.sell_score_max
        if not voted:
            return Action.HOLD, "no_votes", "every agent whose vote counts abstained"
        if held and score < sell:
            return Action.EXIT, "score", f"score {score:+.2f} is below {sell:+.2f}"
        if held:
            return Action.HOLD, "score", f"score {score:+.2f} is not below {sell:+.2f}: keep"
        if not candidate:
            return Action.HOLD, "no_candidate", "neither the scan nor the ranker picked it"
        if score > buy:
            return Action.ENTER, "score", f"score {score:+.2f} is above {buy:+.2f}"
        return Action.HOLD, "score", f"score {score:+.2f} is not above {buy:+.2f}"


def _require_weights(cycle: Cycle, weights: Mapping[WeightSet, Mapping[str, float]]) -> None:
    if not cycle.kind.decides:
        return
    unknown = [agent for agent in cycle.agents if agent not in weights[cycle.kind.weight_set]]
    if unknown:
        raise InvariantError(
            f"The cycle {cycle.name} asks for votes that synthesizer.{cycle.kind.weight_set} has no weight for "
            f"({', '.join(unknown)}); they would count for nothing.",
            hint="Add the weight in config/trading.py, or take the agent out of the cycle.",
        )


def hold_targets(
    analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle, settings: SynthesizerSettings
) -> tuple[Decision, ...]:
    """Decide to hold the portfolio that an agent sized: enter, resize, and sell what has no target.

    Other agents' signals are shown as votes without weight: they explain, they do not decide.
    """
    targets = analysis.targets
    large = {symbol for symbol, target in targets.items() if target >= settings.entry_weight_min_pct}
    symbols = {*large, *portfolio.positions}
    if cycle.symbols:
        symbols &= set(cycle.symbols)
    votes: dict[str, list[Vote]] = {symbol: [] for symbol in symbols}
    for signal in analysis.signals:
        if signal.symbol in votes:
            votes[signal.symbol].append(Vote(signal=signal, weight=0.0))
    return tuple(
        _held_at(
            symbol,
            targets.get(symbol, 0.0),
            tuple(votes[symbol]),
            settings.allocation,
            held=symbol in portfolio.positions,
        )
        for symbol in sorted(symbols)
    )


def _held_at(symbol: str, target: float, votes: tuple[Vote, ...], allocation: str, *, held: bool) -> Decision:
    if target <= 0:
        action, reason = Action.EXIT, f"the {allocation} book no longer holds it"
    else:
        action = Action.RESIZE if held else Action.ENTER
        reason = f"the {allocation} book holds {target:.2%} of equity in it"
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
