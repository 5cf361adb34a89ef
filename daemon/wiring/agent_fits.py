"""Fits of the user's agents in child processes: a step never waits for one."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from copy import copy
from functools import partial
from typing import Any, cast

import structlog

from agents.fitting import Fitted, FittingAgent, due_row, fit_sessions, has_fit
from agents.plugins import NamedAgent, PluginParts
from config.plugins import PluginSettings
from config.trading import TradingSettings
from core.errors import RequestError
from core.long_jobs import JobStatus
from core.plugins import Plugin, made_with
from core.ports import Clock, EventSink
from core.types import BarPanel
from daemon.child_jobs import JobRunner, ReportProgress
from models.factors.store import FactorStore

log = structlog.get_logger("plugins")


class FitsInChildren:
    """Fits each agent in a child when its schedule says so; implements `agents.fitting.Fits`.

    Until a fit has ended the agent as it was fitted before is asked, and before the first it abstains.
    """

    def __init__(self, clock: Clock, events: EventSink, parts: PluginParts) -> None:
        self._runner = JobRunner(clock, events)
        self._parts = parts
        self._fitted: dict[str, Fitted] = {}
        self._begun: dict[str, tuple[str, str]] = {}

    def fitted(self, named: NamedAgent, bars: BarPanel, settings: PluginSettings) -> Fitted | str:
        """Return the agent as it was last fitted; begin a fit that is due."""
        del settings  # a child is ended with the daemon, and blocks no step
        if not has_fit(named.agent):
            return Fitted(named.agent)
        row = due_row(bars.dates, len(bars.sessions), fit_sessions(named.agent))
        if row is None:
            return "it is not fitted yet: its first period has not ended"
        due, held = bars.dates[row].isoformat(), self._fitted.get(named.name)
        if held is not None and held.session == due:
            return held
        state = self._begin(named, bars.prefix(row + 1), due)
        return held or state

    def stop(self) -> None:
        """End the children."""
        self._runner.stop()

    def _begin(self, named: NamedAgent, history: BarPanel, due: str) -> str:
        """Begin a fit unless one for the same session was begun; return how it stands."""
        begun = self._begun.get(named.name)
        if begun is not None and begun[0] == due:
            job = self._runner.get(begun[1])
            failed = job is not None and job.status is JobStatus.FAILED
            return f"its fit failed: {job.error if job else ''}" if failed else "it is being fitted"
        if named.plugin is None:
            return "an agent without code of its own cannot be fitted"
        arguments = (named.plugin, history, self._parts.trading)
        try:
            job = self._runner.start(f"fit:{named.name}", fit_agent, arguments, partial(self._finish, named, due))
        except RequestError as error:
            return f"its fit has not begun: {error.message}"
        self._begun[named.name] = (due, job.job_id)
        return "it is being fitted"

    def _finish(self, named: NamedAgent, due: str, learnt: bytes) -> Mapping[str, Any]:
        agent = copy(named.agent)
        vars(agent).update(pickle.loads(learnt))  # noqa: S301  # from our own child, through a pipe
        self._fitted[named.name] = Fitted(agent, due)
        log.info("agent.fitted", agent=named.name, until=due)
        return {"agent": named.name, "until": due}


def fit_agent(report: ReportProgress, plugin: Plugin, history: BarPanel, trading: TradingSettings) -> bytes:
    """Fit an agent in this process; return what it learnt, its attributes, as bytes."""
    report(0.0, f"fits {plugin.name}")
    agent = made_with(
        plugin.load(), PluginParts(factors=FactorStore(trading.universe.sector_etf_of), trading=trading)
    )
    cast(FittingAgent, agent).fit(history)
    return pickle.dumps(vars(agent))
