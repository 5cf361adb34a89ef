"""The engine, built from the feed, the ledger, the broker and the models that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.events.hub import EventHub
from agents.build import assemble_team
from config.environment import Environment, OrderRoute
from config.loader import digest
from config.trading import TradingSettings
from config.watch import WatchedRisk
from core.ports import Clock
from daemon.models.ranker import RankerService
from daemon.models.rl_ensemble import EnsembleService
from daemon.models.sentiment import SentimentService
from daemon.wiring.brokers import BrokerFactory
from daemon.wiring.memory import MemoryService
from pipeline.engine import Engine, EngineDependencies
from pipeline.report_events import publish_events_to
from risk.build import assemble_risk

if TYPE_CHECKING:
    from adapters.calendar import NyseCalendar
    from adapters.feeds.open import NotedFeed
    from adapters.feeds.views import HeadlineFeed
    from adapters.ledger import SqliteLedger

NOTES_SHOWN_MAX = 10


@dataclass(frozen=True, kw_only=True)
class EngineIngredients:
    """What an engine is built from: settings, and the services that open their files when it is."""

    environment: Environment
    trading: TradingSettings
    route: OrderRoute
    limits: WatchedRisk
    clock: Clock
    hub: EventHub
    brokers: BrokerFactory
    memory: MemoryService
    ranker: RankerService
    ensemble: EnsembleService
    sentiment: SentimentService


class EngineFactory:
    """Opens what an engine needs, each once, however often a start is tried again. Heavy imports happen here."""

    def __init__(self, given: EngineIngredients) -> None:
        self._given = given
        self._source_notes: list[str] = []
        self._feed_in_use: NotedFeed | None = None
        self._calendar: NyseCalendar | None = None
        self._ledger: SqliteLedger | None = None

    def build(self, settle_soon: Callable[[], None]) -> Engine:
        """Make the engine.

        Parameters
        ----------
        settle_soon : callable
            Called from the stream's thread when the broker reported something.
        """
        from models.factors.store import FactorStore  # noqa: PLC0415  # heavy: imported at first use
        from models.regime.tracker import RegimeTracker  # noqa: PLC0415  # heavy: imported at first use

        given, trading = self._given, self._given.trading
        given.sentiment.open()
        feed, clock = self._feed()
        self._feed_in_use = feed
        factors, tracker = FactorStore(), RegimeTracker(trading.regime)
        ledger = self.open_ledger()
        given.memory.open(ledger)
        given.ranker.open(clock, factors)
        given.ensemble.open(clock)
        broker = given.brokers.open(clock, ledger, settle_soon)
        agent = given.sentiment.agent()
        team = assemble_team(trading, given.ranker.provider, factors, given.ensemble.provider, agent, tracker)
        parts = EngineDependencies(
            clock=clock,
            feed=given.memory.recalling(feed, ledger, factors, tracker),
            broker=broker,
            ledger=ledger,
            team=team,
            risk=assemble_risk(trading, lambda: given.limits.settings),
            events=given.hub,
            publish_events=publish_events_to(given.hub),
            memory=given.memory,
            config_digest=lambda: digest(trading, given.limits.settings),
            refresh_limits=self._refresh_limits,
            route=given.route.value,
            initial_cash=given.brokers.initial_cash(broker, ledger),
            cash_tolerance_pct=given.brokers.cash_tolerance_pct,
            follows_account=given.brokers.follows_account,
        )
        return Engine(parts, feed.view(clock.now()))

    def open_ledger(self) -> SqliteLedger:
        """Return the ledger; asked again, the same one."""
        from adapters.ledger import SqliteLedger  # noqa: PLC0415  # brings sqlite

        if self._ledger is None:
            path = self._given.environment.state_dir / "ledger.sqlite"
            self._ledger = SqliteLedger(path, route=self._given.route)
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
        self._given.sentiment.stop()
        self._given.memory.stop()
        self._given.brokers.close()
        if self._ledger is not None:
            self._ledger.close()

    def _feed(self) -> tuple[NotedFeed, Clock]:
        from adapters.calendar import NyseCalendar  # noqa: PLC0415  # heavy: imported at first use
        from adapters.feeds.choose import ChosenSource, SourceRequest  # noqa: PLC0415  # heavy: the same
        from adapters.feeds.open import open_feed  # noqa: PLC0415  # heavy: the same

        given = self._given
        calendar = self._calendar = NyseCalendar()

        def headlines(chosen: ChosenSource, clock: Clock) -> HeadlineFeed:
            return given.sentiment.headlines(chosen.headlines, chosen.source.name, calendar, clock)

        request = SourceRequest(
            environment=given.environment,
            settings=given.trading.data,
            calendar=calendar,
            route_is_builtin=given.route is OrderRoute.PAPER_BUILTIN,
            now=given.clock.now(),
        )
        opened = open_feed(request, given.clock, headlines)
        self._source_notes += [note for note in opened.notes if note not in self._source_notes]
        return opened.feed, opened.clock

    def _refresh_limits(self) -> tuple[str, ...]:
        limits = self._given.limits
        if not limits.refresh():
            return ()
        return (limits.fault or "The risk file's edit is in force.",)
