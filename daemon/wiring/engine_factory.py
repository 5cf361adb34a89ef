"""The engine, built from the feed, the ledger, the broker and the models that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.events.hub import EventHub
from agents.build import assemble_team
from agents.plugins import PluginParts
from backtest.app.earned import EarnedSoFar
from config.environment import Environment, OrderRoute
from config.loader import as_text, digest
from config.trading import TradingSettings
from config.watch import WatchedRisk
from core.ports import Clock, Team
from core.tax_lots import ALL_FILLS, tracked_lots
from core.universe import Universe
from daemon.models.ranker import RankerService
from daemon.models.rl_ensemble import EnsembleService
from daemon.wiring.brokers import BrokerFactory
from daemon.wiring.execution import buys_whole_shares
from daemon.wiring.memory import MemoryService
from daemon.wiring.plugins import PluginService
from daemon.wiring.scoreboard import ScoreService
from daemon.wiring.sentiment import SentimentService
from daemon.wiring.shadows import ShadowService
from pipeline.dependencies import EngineDependencies
from pipeline.engine import Engine
from pipeline.report_events import publish_events_to
from risk.build import assemble_risk, brackets_by

if TYPE_CHECKING:
    from adapters.calendar import NyseCalendar
    from adapters.feeds.choose import SourceRequest
    from adapters.feeds.open import NotedFeed
    from adapters.feeds.views import HeadlineFeed
    from adapters.ledger import SqliteLedger
    from agents.team import Agents
    from models.factors.store import FactorStore
    from models.regime.tracker import RegimeTracker

NOTES_SHOWN_MAX = 10
RAW_FACTOR_SESSIONS = 64  # a quarter: what was decided in it is decided again without all factors anew


@dataclass(kw_only=True, eq=False)
class EngineFactory:
    """Builds the engine; what it opens for it is opened once, however often a start is tried again."""

    environment: Environment
    trading: TradingSettings
    folder: Path
    route: OrderRoute
    limits: WatchedRisk
    clock: Clock
    hub: EventHub
    brokers: BrokerFactory
    memory: MemoryService
    ranker: RankerService
    ensemble: EnsembleService
    sentiment: SentimentService
    plugins: PluginService
    shadows: ShadowService
    scores: ScoreService
    _source_notes: list[str] = field(default_factory=list, init=False)
    _feed_in_use: NotedFeed | None = field(default=None, init=False)
    _watched: tuple[str, ...] = field(default=(), init=False)
    _calendar: NyseCalendar | None = field(default=None, init=False)
    _ledger: SqliteLedger | None = field(default=None, init=False)

    def build(self, settle_soon: Callable[[], None]) -> Engine:
        """Make the engine.

        Parameters
        ----------
        settle_soon : callable
            Called from the stream's thread when the broker reported something.
        """
        from models.regime.tracker import RegimeTracker  # noqa: PLC0415  # heavy: imported at first use

        trading = self.trading
        trading_text = as_text(self.trading)  # once: a large universe takes a while
        self.sentiment.open()
        feed, clock = self._feed()
        self._feed_in_use = feed
        factors, tracker = factors_of(trading.universe), RegimeTracker(trading.regime)
        ledger = self.open_ledger()
        self.memory.open(ledger)
        self.ranker.open(clock, factors)
        self.ensemble.open(clock)
        broker = self.brokers.open(clock, ledger, settle_soon)
        team_of = self._teams(factors, tracker, clock)
        self.shadows.prepare(team_of)
        parts = EngineDependencies(
            clock=clock,
            feed=self.memory.recalling(feed, ledger, factors, tracker),
            broker=broker,
            ledger=ledger,
            team=team_of(trading),
            risk=assemble_risk(
                trading,
                lambda: self.limits.settings,
                whole_shares=buys_whole_shares(trading.execution, self.route),
            ),
            events=self.hub,
            publish_events=publish_events_to(self.hub),
            memory=self.memory,
            config_digest=lambda: digest(trading_text, self.limits.settings),
            refresh_limits=self._refresh_limits,
            route=self.route.value,
            initial_cash=self.brokers.initial_cash(broker, ledger),
            cash_tolerance_pct=self.brokers.cash_tolerance_pct,
            protection=self.brokers.protection(brackets_by(lambda: self.limits.settings), self.hub, clock),
            follows_account=self.brokers.follows_account,
            account_check=self.brokers.account_check,
            admit=self.brokers.admit,
            watched=self._watched,
            lots=tracked_lots(ledger.fills(ALL_FILLS), trading.taxes.pick_lots),
        )
        return Engine(parts, feed.view(clock.now()))

    def _teams(
        self, factors: FactorStore, tracker: RegimeTracker, clock: Clock
    ) -> Callable[[TradingSettings], Team]:
        """Return what makes a book's team of its settings; all share their agents' signals."""
        from agents.shared import SharedSignals  # noqa: PLC0415  # with the agents

        agent = self.sentiment.agent()
        rankers, ensembles, shared = self.ranker.provider, self.ensemble.provider, SharedSignals()
        parts = PluginParts(factors=factors, trading=self.trading)
        others = self.plugins.agents(parts, clock)

        earned = EarnedSoFar(lambda: self.scores.state, lambda: self.shadows.shadows)

        def agents_of(settings: TradingSettings) -> Agents:
            return assemble_team(settings, rankers, factors, ensembles, agent, tracker, others, shared, earned)

        def team_of(settings: TradingSettings) -> Team:
            return self.plugins.strategy_of(settings, parts) or agents_of(settings)

        self.scores.prepare(agents_of(self.trading).say, self.plugins.names)
        return team_of

    def open_ledger(self) -> SqliteLedger:
        """Return the ledger; asked again, the same one."""
        from adapters.ledger import SqliteLedger  # noqa: PLC0415  # brings sqlite

        if self._ledger is None:
            path = self.environment.state_dir / "ledger.sqlite"
            self._ledger = SqliteLedger(path, route=self.route, mask=self.environment.secret_mask())
        return self._ledger

    def notes(self) -> list[str]:
        """Return what the choice of a source, the source and the quality gate found, the first few of it."""
        notes = self._feed_in_use.notes if self._feed_in_use else ()
        more = (
            [f"data: and {len(notes) - NOTES_SHOWN_MAX} more, see the log"]
            if len(notes) > NOTES_SHOWN_MAX
            else []
        )
        return [*self._source_notes, *(f"data: {note}" for note in notes[:NOTES_SHOWN_MAX]), *more]

    def market_open(self, at: datetime) -> bool | None:
        """Return whether the exchange is in its regular session; None before the engine is built."""
        return self._calendar.is_open(at) if self._calendar else None

    def close(self) -> None:
        """Let go of what was opened."""
        self.sentiment.stop()
        self.plugins.stop()
        self.memory.stop()
        self.shadows.close()
        self.scores.close()
        self.brokers.close()
        if self._ledger is not None:
            self._ledger.close()

    def source_request(self) -> SourceRequest:
        """Return what the feed is made from."""
        from adapters.calendar import NyseCalendar  # noqa: PLC0415  # heavy: imported at first use
        from adapters.feeds.choose import SourceRequest  # noqa: PLC0415  # heavy: the same

        self._calendar = self._calendar or NyseCalendar()
        return SourceRequest(
            environment=self.environment,
            settings=self.trading.data,
            universe=self.trading.universe,
            calendar=self._calendar,
            route_is_builtin=self.route is OrderRoute.PAPER_BUILTIN,
            now=self.clock.now(),
            said_actions=[said.as_action() for said in self.trading.corporate_actions],
            watched=self._watched,
            folder=self.folder,
        )

    def _feed(self) -> tuple[NotedFeed, Clock]:
        from adapters.calendar import NyseCalendar  # noqa: PLC0415  # heavy: imported at first use
        from adapters.feeds.choose import ChosenSource  # noqa: PLC0415  # heavy: the same
        from adapters.feeds.open import open_feed  # noqa: PLC0415  # heavy: the same

        calendar = self._calendar = self._calendar or NyseCalendar()

        def headlines(chosen: ChosenSource, clock: Clock) -> HeadlineFeed:
            return self.sentiment.headlines(chosen.headlines, chosen.source.name, calendar, clock)

        self._watched = self._held_strangers()
        opened = open_feed(self.source_request(), self.clock, headlines, self.brokers.clock_offset(self.clock))
        self._source_notes += [note for note in opened.notes if note not in self._source_notes]
        return opened.feed, opened.clock

    def _held_strangers(self) -> tuple[str, ...]:
        """Return what was bought under another universe and is still held, by the account or a shadow book.

        Without a price its stops would not hold, and a book would carry its last price for ever.
        """
        portfolio = self.open_ledger().portfolio()
        held = {*(portfolio.positions if portfolio else ()), *self.shadows.held()}
        return self.trading.universe.strangers(held)

    def _refresh_limits(self) -> tuple[str, ...]:
        if not self.limits.refresh():
            return ()
        return (self.limits.fault or "The risk file's edit is in force.",)


def factors_of(universe: Universe) -> FactorStore:
    """Return a running daemon's factors: of the newest panel alone, hundreds of MB for thousands of names."""
    from models.factors.store import FactorStore  # noqa: PLC0415  # heavy: imported at first use

    return FactorStore(universe.sector_etf_of, panels_max=1, raw_sessions=RAW_FACTOR_SESSIONS)
