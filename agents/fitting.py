"""Agents with a `fit`: when it is due, and where the fitted agent comes from."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

from agents.bounded_calls import BoundedCalls, CallFault
from agents.top_of_universe import EPOCH, weekdays
from config.plugins import PluginSettings
from core.types import BarPanel

if TYPE_CHECKING:
    from agents.plugins import NamedAgent, UserAgent

FIT_SESSIONS = 21


@dataclass(frozen=True, slots=True)
class Fitted:
    """An agent, and the ISO date of the session it was fitted after; empty where it has no `fit`."""

    agent: UserAgent
    session: str = ""


class FittingAgent(Protocol):
    """An agent that is fitted from time to time."""

    def fit(self, history: BarPanel) -> None:
        """Learn from the bars until now, and keep what was learnt in the agent's own attributes."""
        ...


class Fits(Protocol):
    """Gives agents as they are fitted for a view."""

    def fitted(self, named: NamedAgent, bars: BarPanel, settings: PluginSettings) -> Fitted | str:
        """Return the agent to ask, or why there is none."""
        ...


@dataclass(eq=False)
class FitsInPlace:
    """Fits where it is asked, for a backtest or a check: each time after the session that the schedule names."""

    _held: dict[str, Fitted | str] = field(default_factory=dict)
    _after: dict[str, date] = field(default_factory=dict)

    def fitted(self, named: NamedAgent, bars: BarPanel, settings: PluginSettings) -> Fitted | str:
        """Return the agent, fitted on the bars up to the session that the schedule names."""
        if not has_fit(named.agent):
            return Fitted(named.agent)
        row = due_row(bars.dates, len(bars.sessions), fit_sessions(named.agent))
        if row is None:
            return "it is not fitted yet: its first period has not ended"
        due = bars.dates[row]
        if self._after.get(named.name) != due:
            self._after[named.name] = due
            self._held[named.name] = self._fit(named, bars.prefix(row + 1), due, settings)
        return self._held[named.name]

    def _fit(self, named: NamedAgent, history: BarPanel, due: date, settings: PluginSettings) -> Fitted | str:
        agent = copy(named.agent)
        calls: BoundedCalls[None] = BoundedCalls(settings.fit_seconds_max, settings.memory_mb_max)
        fit = cast(FittingAgent, agent).fit
        answer = calls.run({named.name: partial(fit, history)})[named.name]
        if isinstance(answer, CallFault):
            return f"its fit failed: {answer.reason}"
        return Fitted(agent, due.isoformat())


def has_fit(agent: UserAgent) -> bool:
    """Whether an agent is to be fitted."""
    return callable(getattr(agent, "fit", None))


def fit_sessions(agent: UserAgent) -> int:
    """Return how many weekdays lie between two fits of an agent."""
    return max(1, int(getattr(agent, "fit_sessions", FIT_SESSIONS)))


def due_row(dates: Sequence[date], rows: int, every_sessions: int) -> int | None:
    """Return the last of the first `rows` rows that ends a period of so many weekdays; None before the first.

    Periods are counted from 2000-01-03, so that when a fit is due depends on the date alone, and not on when
    the process began.
    """
    first = max(0, rows - every_sessions - 1)
    periods = [weekdays((day - EPOCH).days) // every_sessions for day in dates[first:rows]]
    for place in range(len(periods) - 1, 0, -1):
        if periods[place] != periods[place - 1]:
            return first + place - 1
    return None
