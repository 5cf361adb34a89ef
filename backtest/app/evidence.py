"""Evidence walked forward in a backtest: the daemon's shadow books and scorekeeper beside its engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from adapters.ledger.deferred import DeferredLedger
from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore
from agents.build import assemble_team
from agents.quant import RankerProvider
from agents.shared import SharedSignals
from analysis.capital import CapitalRule
from analysis.scorekeeper import YARDSTICK, ScoreState, close_session, seen_at
from backtest.app.earned import EarnedSoFar
from backtest.app.engine import BacktestEngine, rebuilt
from backtest.app.settings import BacktestSpec, Settings, settings_of
from backtest.app.shadow_engine import shadow_engine
from config.environment import OrderRoute
from config.trading import TradingSettings
from core.types import StepReport
from models.factors.store import FactorStore
from pipeline.engine import Engine
from pipeline.null_parts import NullMemory
from pipeline.shadow import SeenView, ShadowBook, ShadowBooks

if TYPE_CHECKING:
    from agents.team import Agents


def earns(trading: TradingSettings) -> bool:
    """Return whether anything in these settings hangs on evidence."""
    return trading.votes == "earned" or trading.synthesizer.allocation == "evidence"


class BacktestEvidence(NullMemory):
    """Implements `core.ports.MemoryWriter`: after each step its shadow books step too and the session is closed.

    The books are the yardstick and the challengers, on ledgers in memory.

    Attributes
    ----------
    state : ScoreState
        After the last session that was closed.
    shared : SharedSignals
        What the agents said, for the backtest's own team too.
    """

    def __init__(
        self, spec: BacktestSpec, settings: Settings, provider: RankerProvider, factors: FactorStore
    ) -> None:
        self.state = ScoreState()
        self.shared = SharedSignals()
        self._spec = spec
        self._settings = settings
        self._provider = provider
        self._factors = factors
        self._engine: Engine | None = None
        chosen = settings.trading.evidence
        self._rule = CapitalRule(
            challengers=chosen.challengers, seed=chosen.seed_pct, granted_max=chosen.granted_max_pct
        )
        self.earned = EarnedSoFar(lambda: self.state, lambda: self._books.shadows)
        self._seen = SeenView()
        names = dict.fromkeys([YARDSTICK, *chosen.challengers])
        self._books = ShadowBooks(self._seen, [self._shadow_book(name) for name in names])
        self._say = self._team(settings.trading).say

    def beside(self, made: BacktestEngine) -> BacktestEngine:
        """Return the backtest engine with this beside it; it has taken no step yet."""
        followed = rebuilt(made, memory=self)
        self._engine = followed.engine
        return followed

    def remember(self, report: StepReport) -> None:
        """Step the books on what the engine saw; close the session that this step is the first to know."""
        view = self._engine.last_view if self._engine else None
        if view is None or view.row < 0 or report.cycle.as_of is not None:
            return
        self._books.step(view, report.cycle)
        if self._books.faults:
            raise RuntimeError("; ".join(self._books.faults))
        if str(view.session)[:10] > self.state.session:
            equity: Mapping[str, float] = {
                book.name: float(book.engine.portfolio.equity) for book in self._books.shadows
            }
            seen = seen_at(view, equity, {}, self._say(view))
            self.state, _ = close_session(self.state, seen, capital_rule=self._rule)

    def _team(self, trading: TradingSettings) -> Agents:
        return assemble_team(trading, self._provider, self._factors, shared=self.shared, evidence=self.earned)

    def _shadow_book(self, name: str) -> ShadowBook:
        own = settings_of(replace(self._spec, profile=name, changes={}))
        trading = own.trading.model_copy(update={"broker": self._settings.trading.broker})
        ledger = DeferredLedger(route=OrderRoute.PAPER_BUILTIN)
        broker = PaperBroker(trading.broker, self._seen, InMemoryPaperStore())
        engine = shadow_engine(trading, own.risk, self._seen, broker, ledger, self._team(trading))
        return ShadowBook(name, engine, self._spec.resume_after_sessions)
