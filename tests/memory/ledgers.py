"""Small ledgers for the memory's tests."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from adapters.ledger import SqliteLedger
from adapters.memory.journal import steps_after
from adapters.memory.neo4j_store import Neo4jStore
from adapters.memory.outbox import rebuild
from adapters.memory.projection import project
from adapters.memory.round_trips import PositionTracker
from adapters.memory.sqlite_store import TABLES, SqliteGraphStore
from config.environment import OrderRoute
from config.memory import MemorySettings
from core.types import StepReport
from tests.default_universe import SECTOR_OF
from tests.ledger_days import Days

ALL = 10_000_000


def ledger_of(reports: Iterable[StepReport], path: Path | None = None) -> SqliteLedger:
    ledger = SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN)
    for report in reports:
        ledger.record(report)
    return ledger


def some_days(days: int = 3, path: Path | None = None, seed: int = 7) -> SqliteLedger:
    ledger = ledger_of(Days(seed, trades_a_day=4).steps(days), path)
    assert ledger.trades(ALL)
    assert any(position for position in ledger.fills(ALL))
    return ledger


async def write_all(ledger: SqliteLedger, store: SqliteGraphStore, page_steps: int) -> None:
    await rebuild(ledger, store, MemorySettings(page_steps=page_steps), SECTOR_OF, lambda _: None)


async def write_again(ledger: SqliteLedger, store: SqliteGraphStore | Neo4jStore, page_steps: int) -> None:
    """Write every page once more over what is there, as if the place had been lost."""
    book, place, after = PositionTracker(SECTOR_OF), 0, await store.place_in_ledger()
    while steps := steps_after(ledger, place, page_steps):
        page = project(steps, book)
        place, page.until = page.until, after
        await store.write(page, after)


def dump(store: SqliteGraphStore) -> dict[str, list[tuple[object, ...]]]:
    """Give all that a store holds."""
    return {table: store._opened.read(f"SELECT * FROM {table} ORDER BY uuid") for table in TABLES}  # noqa: S608
