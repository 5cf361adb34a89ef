"""Each of the user's agents checked for look-ahead when the daemon has its first bars, one child at a time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from queue import SimpleQueue
from typing import Any

import structlog

from agents.fitting import Fits, Fitted
from agents.plugins import NamedAgent
from backtest.app.agent_check.at_load import LoadCheck, check_at_load, recent_bars
from config.plugins import PluginSettings
from config.trading import TradingSettings
from core.errors import RequestError
from core.long_jobs import JobStatus
from core.plain_words import plain_reason
from core.ports import Clock, EventSink
from core.types import BarPanel
from daemon.child_jobs import JobRunner
from pipeline.null_parts import NullEventBus

WAITS = "waits for its check for look-ahead"
log = structlog.get_logger("plugins")


class LoadChecks:
    """Implements `agents.fitting.Fits` before another: an agent that was seen to look ahead abstains.

    Until its check has ended it is heard: of what a decision of today is made on, nothing is later than today.
    What a check protects is the evidence that the agent's past is judged by.
    """

    def __init__(self, fits: Fits, clock: Clock, events: EventSink, trading: TradingSettings) -> None:
        self._fits = fits
        self._clock = clock
        self._events = events
        self._trading = trading
        self._runner = JobRunner(clock, NullEventBus())  # its own words are better than a job's
        self._stated: dict[str, str] = {}
        self._leaks: dict[str, str] = {}
        self._waiting: SimpleQueue[tuple[NamedAgent, BarPanel]] = SimpleQueue()
        self._bars: BarPanel | None = None
        self._thread: threading.Thread | None = None

    def fitted(self, named: NamedAgent, bars: BarPanel, settings: PluginSettings) -> Fitted | str:
        """Return the agent to ask; why there is none, where it looks ahead."""
        if named.plugin is not None and named.name not in self._stated:
            self._begin(named, bars)
        leak = self._leaks.get(named.name)
        return leak if leak is not None else self._fits.fitted(named, bars, settings)

    @property
    def stated(self) -> Mapping[str, str]:
        """How the check of each agent stands, in words."""
        return dict(self._stated)

    @property
    def faults(self) -> tuple[str, ...]:
        """Who abstains because of it, in words."""
        return tuple(f"agent {name} abstains: {leak}" for name, leak in sorted(self._leaks.items()))

    def stop(self) -> None:
        """End the child."""
        self._runner.stop()

    def _begin(self, named: NamedAgent, bars: BarPanel) -> None:
        self._stated[named.name] = WAITS
        self._bars = self._bars or recent_bars(bars, self._trading)
        self._waiting.put((named, self._bars))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True, name="agent checks")
            self._thread.start()

    def _work(self) -> None:
        while True:
            named, bars = self._waiting.get()
            try:
                self._check(named, bars)
            except RequestError:  # the daemon stops
                return
            except Exception as error:  # the thread's edge: a fault here must not end the other checks
                log.exception("agent.check_failed", agent=named.name)
                self._stated[named.name] = f"not checked: {plain_reason(error)}"

    def _check(self, named: NamedAgent, bars: BarPanel) -> None:
        seconds_max = self._trading.plugins.check_seconds_max
        arguments = (named.plugin, bars, self._trading, seconds_max)
        self._stated[named.name] = "is being checked for look-ahead"
        finish = partial(self._finish, named.name)
        job = self._runner.start(f"agent_check:{named.name}", check_at_load, arguments, finish)
        if self._runner.wait(job.job_id).status is JobStatus.FAILED:
            self._stated[named.name] = (
                f"not checked: its check ended without an answer (it has {seconds_max:g} s); "
                f"see trading-engine check agent {named.name}"
            )
            log.warning("agent.not_checked", agent=named.name, reason=self._runner.wait(job.job_id).error)

    def _finish(self, name: str, found: LoadCheck) -> Mapping[str, Any]:
        if found.leak:
            self._leaks[name] = f"it looks ahead, or is not the same twice: {found.leak}"
            self._stated[name] = found.leak
            log.warning("agent.leak", agent=name, reason=found.leak)
            alert = {
                "message": f"The agent {name} abstains from now on: {found.leak} No order is made on its word. "
                f"Mend its file and start again; trading-engine check agent {name} tells more.",
                "level": "warning",
                "cause": f"agent {name} looks ahead",
            }
            self._events.publish("risk.alert", self._clock.now(), alert)
        elif found.reason:
            self._stated[name] = f"not checked, for it gave no score: {found.reason}"
        else:
            self._stated[name] = f"no look-ahead found in {found.comparisons} comparisons"
        return {"agent": name, "check": self._stated[name]}
