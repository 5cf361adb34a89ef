"""The loop of a backtest: move the clock, take a step, note the portfolio."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backtest.progress import Progress, no_progress
from core.types import Cycle, Fill, Floats, Plan, StepReport, TradingState
from pipeline.engine import Engine

ScheduledStep = tuple[datetime, Cycle]
GARBAGE_THRESHOLD = (50_000, 20, 20)


class SettableClock(Protocol):
    """A clock that is moved by hand."""

    def set(self, at: datetime) -> None:
        """Move to a later moment."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What a backtest went through; one entry a session, as the first decide step after its close found it.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
        The last session each decision knew.
    equity : ndarray of float64, shape (T,)
        Cash plus market value at its close, US dollars.
    exposure : ndarray of float64, shape (T,)
        Market value over equity.
    holdings : tuple of mapping of str to float, length T
        Share of equity in each symbol at its close.
    wanted : tuple of mapping of str to float, length T
        Share of equity decided for each symbol that the team sizes itself, where no limit refused it.
    regimes : tuple of str, length T
        Name of the regime; empty where none was known.
    fills : tuple of Fill
        Every fill in order.
    refusals : dict of str to int
        How many orders each rule refused.
    resumed_at : tuple of datetime64[D]
        When the operator resumed after a breaker.
    """

    sessions: NDArray[np.datetime64]
    equity: Floats
    exposure: Floats
    holdings: tuple[Mapping[str, float], ...]
    wanted: tuple[Mapping[str, float], ...]
    regimes: tuple[str, ...]
    fills: tuple[Fill, ...]
    refusals: dict[str, int]
    resumed_at: tuple[np.datetime64, ...]


class Notes:
    """What is noted of each step, until it becomes a `Run`."""

    def __init__(self) -> None:
        self.sessions: list[np.datetime64] = []
        self.equity: list[float] = []
        self.exposure: list[float] = []
        self.holdings: list[Mapping[str, float]] = []
        self.wanted: list[Mapping[str, float]] = []
        self.regimes: list[str] = []
        self.fills: list[Fill] = []
        self.refusals: Counter[str] = Counter()

    def take(self, report: StepReport) -> None:
        """Note a step; the portfolio only where it was the first to decide after a session's bar was known."""
        self.fills += report.fills
        self.refusals.update(refused.rule for refused in report.plan.refused)
        day = np.datetime64(report.bars_until, "D")
        if report.cycle.entries and (not self.sessions or day > self.sessions[-1]):
            portfolio, regime = report.plan.portfolio, report.plan.analysis.regime
            total = float(portfolio.equity)
            self.sessions.append(day)
            self.equity.append(total)
            self.exposure.append(1.0 - float(portfolio.cash) / total)
            self.holdings.append({name: float(p.value) / total for name, p in portfolio.positions.items()})
            self.wanted.append(_wanted(report.plan))
            self.regimes.append(regime.name if regime else "")

    def as_run(self, resumed_at: Sequence[np.datetime64]) -> Run:
        """Return what was noted as arrays."""
        return Run(
            sessions=np.array(self.sessions, dtype="datetime64[D]"),
            equity=np.array(self.equity),
            exposure=np.array(self.exposure),
            holdings=tuple(self.holdings),
            wanted=tuple(self.wanted),
            regimes=tuple(self.regimes),
            fills=tuple(self.fills),
            refusals=dict(self.refusals),
            resumed_at=tuple(resumed_at),
        )


def _wanted(plan: Plan) -> Mapping[str, float]:
    refused = {order.symbol for order in plan.refused}
    return {
        decision.symbol: decision.target_weight
        for decision in plan.decisions
        if decision.target_weight is not None and decision.symbol not in refused
    }


class Operator:
    """The person a breaker waits for, modelled: resumes after so many days with a decide step, every time."""

    def __init__(self, engine: Engine, resume_after_sessions: int) -> None:
        self._engine = engine
        self._resume_after_sessions = resume_after_sessions
        self._waited = 0
        self._day: date | None = None
        self.resumed_at: list[np.datetime64] = []

    def check(self, at: datetime) -> None:
        """Resume a tripped engine that has waited long enough; called before a decide step."""
        if self._engine.state is TradingState.ACTIVE or at.date() == self._day:
            return
        self._day = at.date()
        self._waited += 1
        if self._waited > self._resume_after_sessions:
            self._engine.resume("resumed by the modelled operator")
            self.resumed_at.append(np.datetime64(at.replace(tzinfo=None), "D"))
            self._waited = 0


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Look for reference cycles less often: reports hold none, stay to the end and are visited each time."""
    before = gc.get_threshold()
    gc.set_threshold(*GARBAGE_THRESHOLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def run(
    engine: Engine,
    clock: SettableClock,
    schedule: Sequence[ScheduledStep],
    *,
    resume_after_sessions: int,
    progress: Progress = no_progress,
) -> Run:
    """Take the scheduled steps.

    Parameters
    ----------
    schedule : sequence of (datetime, Cycle)
        In order of time; of each session the first step that decides (a cycle with entries) after its close is
        noted.
    resume_after_sessions : int
        How long the modelled operator lets a breaker stand.
    progress : callable
        Called with how many of how many steps are done.
    """
    notes, operator = Notes(), Operator(engine, resume_after_sessions)
    with _collecting_rarely():
        for done, (at, cycle) in enumerate(schedule, start=1):
            clock.set(at)
            if cycle.entries:
                operator.check(at)
            notes.take(engine.step(cycle))
            progress(done, len(schedule))
    return notes.as_run(operator.resumed_at)
