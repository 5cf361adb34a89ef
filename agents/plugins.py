"""Agents that are not ours: loaded by name, asked within bounds, and what they answer made sound."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from msgspec.structs import replace

from agents.bounded_calls import BoundedCalls, CallFault
from agents.fitting import Fits, FitsInPlace
from config.plugins import PluginSettings
from config.trading import TradingSettings
from core.plugins import Plugin, made_with
from core.types import Abstention, MarketAnalysis, MarketView, Signal, Signals
from models.factors.store import FactorStore

Answered = Signals | Mapping[str, float] | Abstention | MarketAnalysis
NOT_A_NUMBER = "it gave no finite number"
LEFT_OUT = "it left the stock out"
NOTHING_SAID = "it gave no score for any stock"
REASON_CHARACTERS_MAX = 300


class UserAgent(Protocol):
    """An agent of the user's own: the same view gives the same scores.

    A class may be made by `from_parts(parts)` instead of without arguments, and may have `fit(history)`, which
    is called every `fit_sessions` (21 where it does not say) with the bars until then.
    """

    name: str

    def signals(self, view: MarketView, symbols: Sequence[str]) -> Answered:
        """Return a score in [-1, 1] by symbol of what is known in the view, or an abstention with its reason."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginParts:
    """What a plug-in may use of the engine, when it has a `from_parts`.

    Attributes
    ----------
    factors : FactorStore
        The thirteen factors of every session, computed once for all.
    trading : TradingSettings
        The settings in force.
    """

    factors: FactorStore
    trading: TradingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAgent:
    """An agent with what its decisions are recorded with.

    Attributes
    ----------
    origin : str
        Its file, its package, or its address.
    version : str
        Of its code; empty where it has none.
    plugin : Plugin or None
        What it was loaded from; None where its code is elsewhere.
    deadline_seconds : float or None
        Its own, where that is not `plugins.deadline_seconds`.
    """

    name: str
    agent: UserAgent
    origin: str
    version: str = ""
    plugin: Plugin | None = None
    deadline_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedAgents:
    """The agents that could be made, and what kept others out, in words."""

    agents: tuple[NamedAgent, ...] = ()
    faults: tuple[str, ...] = ()


def load_agents(plugins: Sequence[Plugin], parts: PluginParts, settings: PluginSettings) -> LoadedAgents:
    """Run each plug-in's code and make its agent; one that cannot be is named, and the rest goes on."""
    calls: BoundedCalls[UserAgent] = BoundedCalls(settings.load_seconds_max, settings.memory_mb_max)
    made = calls.run({plugin.name: partial(_made, plugin, parts) for plugin in plugins})
    agents, faults = [], []
    for plugin in plugins:
        agent = made[plugin.name]
        if isinstance(agent, CallFault):
            faults.append(f"agent {plugin.name} takes no part: {agent.reason}")
        else:
            named = NamedAgent(
                name=plugin.name, agent=agent, origin=plugin.origin, version=plugin.version, plugin=plugin
            )
            agents.append(named)
    return LoadedAgents(agents=tuple(agents), faults=tuple(faults))


def _made(plugin: Plugin, parts: PluginParts) -> UserAgent:
    agent: UserAgent = made_with(plugin.load(), parts)
    if not callable(getattr(agent, "signals", None)):
        raise TypeError("it has no method signals(view, symbols)")
    return agent


@dataclass(eq=False)
class PluginAgents:
    """Every agent that is not ours, asked together; what one does wrong is its abstention.

    Attributes
    ----------
    agents : sequence of NamedAgent
    fits : Fits
        Gives the agents with a `fit` as they are fitted for a view.
    """

    agents: Sequence[NamedAgent]
    settings: PluginSettings
    fits: Fits = field(default_factory=FitsInPlace)
    name: str = "plugins"

    def __post_init__(self) -> None:
        settings = self.settings
        own = {one.name: one.deadline_seconds for one in self.agents if one.deadline_seconds is not None}
        self._calls: BoundedCalls[MarketAnalysis] = BoundedCalls(
            settings.deadline_seconds, settings.memory_mb_max, own
        )

    def signals(self, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Return the signals and abstentions of all of them, in their order."""
        asked, answers = tuple(symbols), dict[str, MarketAnalysis | CallFault]()
        calls, models = {}, {}
        for named in self.agents:
            fitted = self.fits.fitted(named, view.bars, self.settings)
            if isinstance(fitted, str):
                answers[named.name] = CallFault(fitted)
                continue
            calls[named.name] = partial(ask, named.name, fitted.agent, view, asked)
            if named.version:
                models[named.name] = "@".join(part for part in (named.version, fitted.session) if part)
        answers |= self._calls.run(calls)
        parts = [_sound(named.name, answers[named.name]) for named in self.agents]
        return MarketAnalysis(
            signals=tuple(signal for part in parts for signal in part.signals),
            abstentions=tuple(abstention for part in parts for abstention in part.abstentions),
            models=models,
        )


def _sound(name: str, answer: MarketAnalysis | CallFault) -> MarketAnalysis:
    return _abstained(name, answer.reason) if isinstance(answer, CallFault) else answer


def ask(name: str, agent: UserAgent, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
    """Ask one agent and make its answer sound: finite, clamped to [-1, 1], of the symbols asked for."""
    answered = agent.signals(view, symbols)
    if isinstance(answered, Abstention):
        return _abstained(name, _text(answered.reason))
    if isinstance(answered, MarketAnalysis):  # as ours answer
        return _own_part(name, answered, symbols)
    if not isinstance(answered, Signals):
        if not isinstance(answered, Mapping):
            raise TypeError(f"signals() gave {type(answered).__name__}, not scores by symbol")
        answered = Signals(scores=answered)
    if not answered.scores:
        return _abstained(name, NOTHING_SAID)
    confidence = _number(answered.confidence)
    if confidence is None:
        return _abstained(name, f"its confidence is {answered.confidence!r:.80}, which is no number")
    signals, abstentions = [], []
    for symbol in symbols:
        if symbol not in answered.scores:
            abstentions.append(Abstention(agent=name, symbol=symbol, reason=LEFT_OUT))
            continue
        score = _number(answered.scores[symbol])
        if score is None:
            abstentions.append(Abstention(agent=name, symbol=symbol, reason=NOT_A_NUMBER))
            continue
        signals.append(
            Signal(
                agent=name,
                symbol=symbol,
                score=min(1.0, max(-1.0, score)),
                confidence=min(1.0, max(0.0, confidence)),
                reason=_text(answered.reasons.get(symbol, "")),
                model_id=_text(answered.model_id),
            )
        )
    if not signals and {a.reason for a in abstentions} == {NOT_A_NUMBER}:
        return _abstained(name, NOT_A_NUMBER)
    return MarketAnalysis(signals=tuple(signals), abstentions=tuple(abstentions))


def _number(value: Any) -> float | None:
    """Return a finite number; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _abstained(name: str, reason: str) -> MarketAnalysis:
    return MarketAnalysis(abstentions=(Abstention(agent=name, reason=_text(reason)),))


def _own_part(name: str, answered: MarketAnalysis, symbols: Sequence[str]) -> MarketAnalysis:
    """Make an analysis an agent's own: in its name, of the symbols asked for, finite."""
    asked = frozenset(symbols)
    said = {signal.symbol: signal for signal in answered.signals if signal.symbol in asked}
    scores = {symbol: _number(signal.score) for symbol, signal in said.items()}
    signals = [
        replace(
            signal,
            agent=name,
            score=min(1.0, max(-1.0, score)),
            confidence=min(1.0, max(0.0, _number(signal.confidence) or 0.0)),
            reason=_text(signal.reason),
            model_id=_text(signal.model_id),
        )
        for symbol, signal in said.items()
        if (score := scores[symbol]) is not None
    ]
    told = {a.symbol: _text(a.reason) for a in answered.abstentions if a.symbol == "*" or a.symbol in asked}
    told |= {symbol: NOT_A_NUMBER for symbol, score in scores.items() if score is None}
    if not signals:
        return _abstained(name, told.get("*") or (NOT_A_NUMBER if scores else NOTHING_SAID))
    told.pop("*", None)  # who has spoken has not abstained
    return MarketAnalysis(
        signals=tuple(signals),
        abstentions=tuple(Abstention(agent=name, symbol=symbol, reason=why) for symbol, why in told.items()),
    )


def _text(said: object) -> str:
    """Return what was said as text that can be written down: of bounded length, and UTF-8."""
    return str(said)[:REASON_CHARACTERS_MAX].encode("utf-8", "replace").decode()
