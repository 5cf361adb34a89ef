"""Shadow books: engines on what the real one saw, in its rhythm, with their own broker, ledger and limits.

They run after the real step is over and done, on its view, at its moment: nothing in them can change it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import structlog
from msgspec.structs import replace

from core.cycles import SETTLE, ExitRules
from core.errors import InvariantError
from core.plain_words import plain_reason
from core.ports import Team
from core.types import Cycle, Decision, MarketAnalysis, MarketView, Portfolio, StepReport, TradingState
from pipeline.engine import Engine
from pipeline.reconciliation import accept, recover

log = structlog.get_logger("shadow")


class SeenView:
    """The feed and the clock of shadow books: the view of the real step, at its moment."""

    is_real_time = False

    def __init__(self) -> None:
        self.current: MarketView | None = None

    def view(self, as_of: datetime) -> MarketView:
        """Return what the real step saw."""
        del as_of
        return self._seen()

    def now(self) -> datetime:
        """Return the moment of what the real step saw."""
        return self._seen().as_of

    def _seen(self) -> MarketView:
        if self.current is None:
            raise InvariantError("A shadow book was asked for a view before the first step.")
        return self.current


def shadow_cycle(cycle: Cycle, view: MarketView) -> Cycle:
    """Return what a shadow book does in a step of the account.

    What a person asks of the account alone (sell everything, decide on a few names) it only settles. What the
    account proposes while the exchange is open it sends: its money is on paper.
    """
    if cycle.symbols or cycle.kind.exit_rules is ExitRules.EVERYTHING:
        return SETTLE
    return dataclasses.replace(cycle, submits=cycle.submits or (cycle.kind.decides and view.market_open))


def without_ranking(analysis: MarketAnalysis) -> MarketAnalysis:
    """Return an analysis as a shadow book records it."""
    return replace(analysis, ranking=())


class ShadowTeam:
    """A shadow book's team: it decides as its own does, and its record leaves out the ranker's factors.

    They are most of what a ledger grows by, and the account's record of the same moment has them.
    """

    def __init__(self, team: Team) -> None:
        self._team = team

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        """Return the team's analysis."""
        return self._team.analyse(view, portfolio, cycle)

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        """Return the team's decisions."""
        return self._team.decide(analysis, portfolio, cycle)

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        """Keep what explains these symbols, without the ranking: its part of each vote stands in the vote."""
        return self._team.explain(view, without_ranking(analysis), symbols)


class ShadowBook:
    """One shadow book.

    Parameters
    ----------
    engine : Engine
        On a `SeenView` as feed and clock.
    resume_after_sessions : int
        After so many sessions a tripped breaker is taken back, as the backtest's operator does.

    Attributes
    ----------
    fault : str
        Why its last step failed; empty when it did not.
    """

    def __init__(self, name: str, engine: Engine, resume_after_sessions: int) -> None:
        self.name = name
        self.engine = engine
        self.fault = ""
        self._resume_after = resume_after_sessions
        self._tripped_in: set[str] = set()
        self._recovered = False

    def step(self, cycle: Cycle) -> StepReport:
        """Take one step; the first one reconciles its ledger with its broker before."""
        if not self._recovered:
            accept(self.engine, recover(self.engine))
            if self.engine.state is not TradingState.ACTIVE and self.engine.last_view is not None:
                self._tripped_in.add(str(self.engine.last_view.as_of.date()))
            self._recovered = True
        report = self.engine.step(cycle)
        self._resume_when_due(report)
        return report

    def _resume_when_due(self, report: StepReport) -> None:
        if self.engine.state is TradingState.ACTIVE:
            self._tripped_in.clear()
            return
        self._tripped_in.add(report.bars_until)
        if len(self._tripped_in) > self._resume_after:
            self.engine.resume("resumed by the modelled operator")
            self._tripped_in.clear()


class ShadowBooks:
    """All shadow books of an account, stepped one after the other.

    Attributes
    ----------
    shadows : sequence of ShadowBook
        In the order they step.
    """

    def __init__(self, seen: SeenView, shadows: Sequence[ShadowBook]) -> None:
        self._seen = seen
        self.shadows = tuple(shadows)

    @property
    def faults(self) -> list[str]:
        """Which books did not take the last step, and why."""
        return [f"shadow book {book.name}: {book.fault}" for book in self.shadows if book.fault]

    def step(self, view: MarketView, cycle: Cycle) -> None:
        """Let every book take the step that the account took; a book that fails is left out and named."""
        if cycle.as_of is not None:
            return
        self._seen.current = view
        wanted = shadow_cycle(cycle, view)
        for book in self.shadows:
            with _apart(book):
                book.step(wanted)


@contextmanager
def _apart(shadow: ShadowBook) -> Iterator[None]:
    """Keep what fails in a shadow book away from the account's step."""
    try:
        yield
    except Exception as error:  # the book's edge: whatever breaks in it must not reach the account
        if not shadow.fault:
            log.exception("shadow.failed", shadow_book=shadow.name)
        shadow.fault = f"its last step failed ({plain_reason(error)}); the account is not touched by it"
    else:
        shadow.fault = ""
