"""The user's own agents and strategy in the daemon: loaded at the start, fitted in children, described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.trading import TradingSettings
from core.ports import Clock, EventSink, Team
from core.types import StepReport

if TYPE_CHECKING:
    from agents.agent import Agent
    from agents.plugins import NamedAgent, PluginParts
    from agents.registered import RegisteredAgents
    from daemon.wiring.agent_fits import FitsInChildren
    from daemon.wiring.load_checks import LoadChecks

FIRST_DECISION = "no decision has asked it yet"


def remote_agents(trading: TradingSettings) -> tuple[NamedAgent, ...]:
    """Return the agents that answer over HTTP."""
    from adapters.remote_agents import post_to, shown_address  # noqa: PLC0415  # brings requests
    from agents.plugins import NamedAgent  # noqa: PLC0415  # with the agents
    from agents.remote import RemoteAgent  # noqa: PLC0415  # with the agents

    return tuple(
        NamedAgent(
            name=name,
            agent=RemoteAgent(name, partial(post_to, settings), settings.sessions),
            origin=shown_address(settings.url),
            deadline_seconds=settings.timeout_seconds,
        )
        for name, settings in trading.agents.items()
    )


class PluginService:
    """Keeps what is registered beside ours, and what is wrong with it."""

    def __init__(self, trading: TradingSettings, folder: Path, events: EventSink) -> None:
        self._trading = trading
        self._folder = folder
        self._events = events
        self._registered: RegisteredAgents | None = None
        self._fits: FitsInChildren | None = None
        self._checks: LoadChecks | None = None

    def agents(self, parts: PluginParts, clock: Clock) -> Agent | None:
        """Load the registered agents; asked again, the same ones. None where there are none but ours."""
        from agents.registered import registered_agents  # noqa: PLC0415  # with the agents
        from daemon.wiring.agent_fits import FitsInChildren  # noqa: PLC0415  # with the agents
        from daemon.wiring.load_checks import LoadChecks  # noqa: PLC0415  # with the agents

        if self._registered is None:
            self._fits = FitsInChildren(clock, self._events, parts)
            self._checks = LoadChecks(self._fits, clock, self._events, self._trading)
            remote = remote_agents(self._trading)
            self._registered = registered_agents(self._trading, self._folder, parts, self._checks, remote)
        return self._registered.asked

    def strategy_of(self, trading: TradingSettings, parts: PluginParts) -> Team | None:
        """Load the strategy that the settings of a book name; None where the agents decide."""
        from agents.registered import registered_strategy  # noqa: PLC0415  # with the agents

        return registered_strategy(trading, self._folder, parts) if trading.strategy else None

    @property
    def names(self) -> tuple[str, ...]:
        """The agents beside ours."""
        return tuple(named.name for named in self._registered.agents) if self._registered else ()

    @property
    def faults(self) -> Sequence[str]:
        """What kept a plug-in out, or lets it abstain for good."""
        checked = self._checks.faults if self._checks else ()
        return (*(self._registered.faults if self._registered else ()), *checked)

    def card(self, decided: StepReport | None) -> Mapping[str, Any]:
        """Describe each agent of the last decision by name, ours too: origin, weight, and why it abstained."""
        weights = self._trading.synthesizer.weights.model_dump()
        others = {named.name: named for named in self._registered.agents} if self._registered else {}
        checks = self._checks.stated if self._checks else {}
        abstained: dict[str, str] = {}
        if decided is not None:
            abstained = {a.agent: a.reason for a in decided.plan.analysis.abstentions if a.symbol == "*"}
        names = (*(decided.cycle.agents if decided else ()), *others)
        return {
            name: {
                "origin": others[name].origin if name in others else "built in",
                "version": others[name].version if name in others else "",
                "weight": weights.get(name, 0.0),
                "abstains": FIRST_DECISION if decided is None else abstained.get(name, ""),
                "look_ahead_check": checks.get(name, ""),
            }
            for name in names
        }

    def stop(self) -> None:
        """End the children that fit and check."""
        for children in (self._fits, self._checks):
            if children is not None:
                children.stop()
