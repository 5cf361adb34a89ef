"""The memory of decisions, wired: a store on this machine, Neo4j beside it where NEO4J_URI is set, recall."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from adapters.memory.step_gate import YieldGate
from config.environment import Environment
from config.trading import TradingSettings
from core.errors import RecallError
from core.memory import Recollection
from core.ports import Feed
from core.types import Abstention, MarketView, StepReport

if TYPE_CHECKING:
    from adapters.ledger import SqliteLedger
    from adapters.memory.outbox import Outbox
    from adapters.memory.recall import Situation
    from adapters.memory.store import GraphStore
    from models.factors.store import FactorStore
    from models.regime.tracker import RegimeTracker

FILE = "memory.sqlite"
DEFAULT_USER = "neo4j"


def stores(environment: Environment, settings: TradingSettings) -> tuple[GraphStore, ...]:
    """Return the stores there are: the configured one first, the one on this machine last."""
    from adapters.memory.neo4j_store import Neo4jStore  # noqa: PLC0415  # imported where it is made
    from adapters.memory.sqlite_store import SqliteGraphStore  # noqa: PLC0415  # brings sqlite

    here = SqliteGraphStore(environment.state_dir / FILE)
    if environment.neo4j_uri is None:
        return (here,)
    password = environment.neo4j_password.get_secret_value() if environment.neo4j_password else ""
    user = environment.neo4j_user or DEFAULT_USER
    return Neo4jStore(environment.neo4j_uri, user, password, settings.memory), here


class MemoryService:
    """Keeps the stores up with the ledger, and queries them. Implements `core.ports.MemoryWriter`."""

    def __init__(self, environment: Environment, settings: TradingSettings) -> None:
        self._environment = environment
        self._settings = settings
        self._outboxes: tuple[Outbox, ...] = ()
        self._gate = YieldGate()

    def open(self, ledger: SqliteLedger) -> None:
        """Begin to follow the ledger; nothing waits for the stores."""
        from adapters.memory.outbox import Outbox  # noqa: PLC0415  # imported where it is made

        if not self._outboxes:
            found = stores(self._environment, self._settings)
            self._outboxes = tuple(
                Outbox(ledger, store, self._settings.memory, self._gate, self._settings.universe.sector_of)
                for store in found
            )
            for outbox in self._outboxes:
                outbox.start()

    def recalling(self, feed: Feed, ledger: SqliteLedger, factors: FactorStore, tracker: RegimeTracker) -> Feed:
        """Return the feed whose views carry recalled memories; the feed itself where none are."""
        from adapters.memory.recall import RecallingFeed  # noqa: PLC0415  # imported where it is made

        facts_max, universe = self._settings.memory.recall_facts_max, self._settings.universe
        finder = situation_finder(factors, tracker, universe.stocks)
        return RecallingFeed(feed, ledger, finder, facts_max, universe.sector_of) if facts_max else feed

    def during_step(self) -> AbstractContextManager[None]:
        """Return what keeps the stores from being written while a step runs."""
        return self._gate.shut()

    def remember(self, report: StepReport) -> None:  # noqa: ARG002  # the ledger has it: this is only a notice
        """Notify each store that there is more to read."""
        for outbox in self._outboxes:
            outbox.follow()

    async def facts(self, symbol: str, limit: int) -> Recollection:
        """Ask the configured store, and the one on this machine where that one cannot answer.

        Raises
        ------
        core.errors.RecallError
            When neither can.
        """
        fault = ""
        for outbox in self._outboxes:
            try:
                facts = await outbox.facts(symbol, limit)
            except RecallError as error:
                fault = str(error)
                continue
            return Recollection(symbol=symbol, facts=facts, origin=outbox.store.name, fault=fault)
        raise RecallError(fault or "The memory is not open yet.", hint="Ask again in a moment.")

    def card(self) -> Mapping[str, Any]:
        """Describe each store."""
        return {
            outbox.store.name: {
                "place": outbox.store.place,
                "state": "behind" if outbox.fault else "follows the ledger",
                "written_until_step": outbox.written,
                "fault": outbox.fault,
            }
            for outbox in self._outboxes
        }

    @property
    def faults(self) -> list[str]:
        """What does not follow."""
        return [f"memory: {outbox.store.name}: {outbox.fault}" for outbox in self._outboxes if outbox.fault]

    def stop(self) -> None:
        """Let go of the stores."""
        for outbox in self._outboxes:
            outbox.begin_stop()
        for outbox in self._outboxes:
            outbox.wait_stopped()


def situation_finder(
    factors: FactorStore, tracker: RegimeTracker, stocks: Sequence[str]
) -> Callable[[MarketView], Situation | None]:
    """Return the function that finds a view's regime and factors, by the same models that the team asks."""
    from adapters.memory.recall import Situation  # noqa: PLC0415  # imported where it is made
    from models.factors.table import FACTOR_NAMES  # noqa: PLC0415  # heavy: imported at first use

    def situation_of(view: MarketView) -> Situation | None:
        regime = tracker.at(view.bars)
        if isinstance(regime, Abstention):
            return None
        z, column = factors.at(view.bars).z, view.bars.column
        now = {symbol: z[column[symbol]] for symbol in stocks if symbol in column}
        return Situation(regime=regime.name, names=FACTOR_NAMES, factors=now)

    return situation_of
