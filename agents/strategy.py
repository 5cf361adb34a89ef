"""A strategy of the user's own: a whole team, held to the same bounds as an agent."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from agents.bounded_calls import BoundedCalls, CallFault
from agents.plugins import PluginParts
from agents.team import average_true_ranges
from config.plugins import PluginSettings
from core.errors import SettingsError
from core.plain_words import plain_reason
from core.plugins import Plugin, made_with
from core.ports import Team
from core.types import Abstention, Cycle, Decision, MarketAnalysis, MarketView, Portfolio
from models.factors.store import FactorStore

Answer = TypeVar("Answer")


class PluginTeam:
    """Implements `core.ports.Team` with a user's: what it does wrong is a step without its decisions.

    The exit rules go on in such a step, with the average true ranges that a strategy need not know of.
    """

    def __init__(self, name: str, team: Team, factors: FactorStore, settings: PluginSettings) -> None:
        self._name = name
        self._team = team
        self._factors = factors
        self._calls: BoundedCalls[Any] = BoundedCalls(settings.deadline_seconds, settings.memory_mb_max)
        self._fault = ""

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        """Return the strategy's analysis, or its abstention."""
        self._fault = ""
        found = self._ask(partial(self._team.analyse, view, portfolio, cycle), MarketAnalysis())
        if not found.atr:
            found = replace(found, atr=average_true_ranges(self._factors, view, portfolio))
        return found

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        """Return the strategy's decisions; none where it failed."""
        if self._fault:
            return ()
        return self._ask(partial(self._team.decide, analysis, portfolio, cycle), ())

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        """Return the strategy's explanation, with what it failed at."""
        if not self._fault:
            analysis = self._ask(partial(self._team.explain, view, analysis, symbols), analysis)
        if not self._fault:
            return analysis
        abstained = Abstention(agent=self._name, reason=self._fault)
        return replace(analysis, abstentions=(*analysis.abstentions, abstained))

    def _ask(self, call: Callable[[], Answer], otherwise: Answer) -> Answer:
        answer = self._calls.run({self._name: call})[self._name]
        if isinstance(answer, CallFault):
            self._fault = answer.reason
        elif isinstance(answer, type(otherwise)):
            self._fault = unsound(answer)
            return otherwise if self._fault else answer
        else:
            self._fault = f"it gave {type(answer).__name__}, not {type(otherwise).__name__}"
        return otherwise


def unsound(answer: Any) -> str:
    """Say why what a strategy gave cannot be recorded and read again; empty where it can.

    Else a number that is none, or a text that is no text, would halt the engine when the step is written down.
    """
    kind = MarketAnalysis if isinstance(answer, MarketAnalysis) else tuple[Decision, ...]
    try:
        again: Any = msgspec.json.decode(msgspec.json.encode(answer), type=kind)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        return f"what it gave cannot be recorded: {plain_reason(error)}"
    symbols = [decision.symbol for decision in again] if isinstance(again, tuple) else []
    return "it decided twice on one symbol" if len(symbols) != len(set(symbols)) else ""


def load_strategy(plugin: Plugin, parts: PluginParts, settings: PluginSettings) -> Team:
    """Run a strategy's code and make it.

    Raises
    ------
    core.errors.SettingsError
        When it cannot be made: without it there is nothing that could decide.
    """
    calls: BoundedCalls[Any] = BoundedCalls(settings.load_seconds_max, settings.memory_mb_max)
    team = calls.run({plugin.name: lambda: made_with(plugin.load(), parts)})[plugin.name]
    missing = [name for name in ("analyse", "decide", "explain") if not callable(getattr(team, name, None))]
    if isinstance(team, CallFault) or missing:
        why = team.reason if isinstance(team, CallFault) else f"it has no method {', '.join(missing)}"
        raise SettingsError(
            f"The strategy {plugin.name} cannot be used: {why}.",
            hint=f"Mend {plugin.origin}, or take `strategy` out of trading.json.",
        )
    return PluginTeam(plugin.name, team, parts.factors, settings)
