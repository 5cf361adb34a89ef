"""What several teams on one view have in common: the agents, and what each said of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar, cast

from agents.agent import Agent
from core.types import MarketAnalysis, MarketView

Made = TypeVar("Made")


class SharedSignals:
    """Agents by their settings, each asked once a view, however many teams it is in. For one thread."""

    def __init__(self) -> None:
        self._made: dict[Hashable, object] = {}
        self._view: MarketView | None = None
        self._said: dict[tuple[int, tuple[str, ...]], MarketAnalysis] = {}

    def agent(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what was made for a key; made now where there is none.

        Parameters
        ----------
        key : hashable
            The kind of agent and all settings that it is made from: the same key gives the same agent.
        """
        if key not in self._made:
            self._made[key] = make()
        return cast(Made, self._made[key])

    def signals(self, agent: Agent, view: MarketView, symbols: Sequence[str]) -> MarketAnalysis:
        """Return what an agent says of these symbols on a view."""
        if view is not self._view:
            self._view, self._said = view, {}
        key = (id(agent), tuple(symbols))
        if key not in self._said:
            self._said[key] = agent.signals(view, symbols)
        return self._said[key]
