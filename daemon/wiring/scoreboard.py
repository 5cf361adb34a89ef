"""The scoreboard, wired: closes each session with the books and the agents, and knows what is known by then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from analysis.capital import CapitalRule
from analysis.scorekeeper import ScoreState, close_session, seen_at
from analysis.scores import scoreboard
from config.environment import Environment
from config.trading import TradingSettings
from core.errors import RequestError
from core.plain_words import plain_reason
from core.ports import EventSink
from core.scoreboard import Outcome, Scoreboard, SessionClose
from core.types import MarketView, Signal, StepReport
from pipeline.shadow import ShadowBook

if TYPE_CHECKING:
    from adapters.ledger import SqliteLedger
    from adapters.ledger.evidence import EvidenceLedger

log = structlog.get_logger("scoreboard")
ACCOUNT = "account"
Say = Callable[[MarketView], Sequence[Signal]]


class ScoreService:
    """Keeps the evidence; a fault in it is shown and never reaches the account's step.

    Attributes
    ----------
    state : ScoreState
        After the last session that was closed; read from any thread, replaced as a whole.
    """

    def __init__(self, environment: Environment, trading: TradingSettings, events: EventSink) -> None:
        self._path = environment.state_dir / "shadow" / "evidence.sqlite"
        self._trading = trading
        self._events = events
        self._capital = CapitalRule(
            challengers=trading.evidence.challengers,
            seed=trading.evidence.seed_pct,
            granted_max=trading.evidence.granted_max_pct,
        )
        self._ledger: EvidenceLedger | None = None
        self._say: Say = _say_nothing
        self._heard: tuple[str, ...] = ()
        self._fault = ""
        self._board: Scoreboard | None = None
        self.state = ScoreState()

    @property
    def faults(self) -> list[str]:
        """What keeps evidence from being kept."""
        return [self._fault] if self._fault else []

    @property
    def ledger(self) -> EvidenceLedger:
        """The ledger of evidence; a RequestError with status 503 before it is open."""
        if self._ledger is None:
            raise RequestError("No evidence is kept yet.", hint="It begins with the first step.", status=503)
        return self._ledger

    def prepare(self, say: Say, heard: Sequence[str]) -> None:
        """Open the ledger; take note of how the agents are asked what they say of a view.

        Parameters
        ----------
        heard : sequence of str
            Agents that are not ours: shown from their first day on.
        """
        from adapters.ledger.evidence import EvidenceLedger  # noqa: PLC0415  # brings sqlite

        self._say, self._heard = say, tuple(heard)
        if self._ledger is None and self._trading.shadow.profiles:
            self._ledger = EvidenceLedger(self._path)
            body = self._ledger.state()
            self.state = msgspec.json.decode(body, type=ScoreState) if body else ScoreState()

    def after_step(
        self, view: MarketView | None, report: StepReport, account: SqliteLedger, shadows: Sequence[ShadowBook]
    ) -> None:
        """Close the session that this step is the first to know as over; nothing on the other steps."""
        if self._ledger is None or view is None or report.cycle.as_of is not None or view.row < 0:
            return
        if not shadows or str(view.session)[:10] <= self.state.session:
            return
        try:
            self._close(view, report, account, shadows)
            self._fault = ""
        except Exception as error:  # the edge of evidence: whatever breaks in it must not reach the account
            if not self._fault:
                log.exception("scoreboard.failed")
            self._fault = f"evidence: the session could not be closed ({plain_reason(error)}); it is tried again"

    def scoreboard(self) -> Scoreboard:
        """Return the scoreboard after the last session that was closed."""
        if self._ledger is None:
            return Scoreboard(votes=self._trading.votes, notes=("no shadow book has run yet",))
        board = self._board
        if board is None or board.session != self.state.session:
            state, ledger = self.state, self.ledger
            taught = [one for name in state.agents for one in ledger.outcomes("agent", name)]
            weights = self._trading.synthesizer.weights.model_dump()
            board = self._board = scoreboard(
                ledger.closes(), taught, state, weights, self._trading.votes, self._heard
            )
        return board

    def closes(self) -> Sequence[SessionClose]:
        """Return every close, oldest first."""
        return self._ledger.closes() if self._ledger else ()

    def taught(self, session: str) -> Sequence[Outcome]:
        """Return what a session (ISO date) taught."""
        return self._ledger.outcomes_of_session(session) if self._ledger else ()

    def close(self) -> None:
        """Close the file in order."""
        if self._ledger is not None:
            self._ledger.close()

    def _close(
        self, view: MarketView, report: StepReport, account: SqliteLedger, shadows: Sequence[ShadowBook]
    ) -> None:
        equity = {book.name: float(book.engine.portfolio.equity) for book in shadows if not book.fault}
        equity[ACCOUNT] = float(report.plan.portfolio.equity)
        paid = float(account.paid_in_total())
        before = self.state.books.get(ACCOUNT)
        seen = seen_at(view, equity, {ACCOUNT: paid}, self._say(view))
        state, outcomes = close_session(self.state, seen, capital_rule=self._capital)
        flows = {ACCOUNT: paid - (before.paid_in_total if before else paid)}
        closes = [
            SessionClose(session=seen.session, name=name, equity=value, paid_in=flows.get(name, 0.0))
            for name, value in equity.items()
        ]
        self.ledger.record(closes, outcomes, msgspec.json.encode(state))
        self.state = state
        self._events.publish("scoreboard.update", report.as_of, _event(seen.session, outcomes))


def _say_nothing(view: MarketView) -> Sequence[Signal]:
    del view
    return ()


def _event(session: str, outcomes: Sequence[Outcome]) -> Mapping[str, Any]:
    return {
        "session": session,
        "outcomes": [
            {
                "kind": one.kind, "name": one.name, "excess_return": one.excess_return, "evidence": one.e_value,
                "evidence_worse": one.e_value_worse, "state": one.state,
            }
            for one in outcomes
        ],
    }  # fmt: skip
