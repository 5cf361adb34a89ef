"""What a graph holds, counted, and what the ledger says it must hold."""

from __future__ import annotations

from adapters.ledger import SqliteLedger
from adapters.memory.journal import steps_after
from adapters.memory.neo4j_store import Neo4jStore
from adapters.memory.projection import project
from adapters.memory.records import Page
from adapters.memory.round_trips import PositionTracker
from adapters.memory.sqlite_store import TABLES, SqliteGraphStore
from tests.default_universe import SECTOR_OF

COUNTS = {
    "entities": "MATCH (n:Entity) RETURN count(n) AS all, count(DISTINCT n.uuid) AS different",
    "episodes": "MATCH (n:Episodic) RETURN count(n) AS all, count(DISTINCT n.uuid) AS different",
    "relations": "MATCH (:Entity)-[e:RELATES_TO]->() RETURN count(e) AS all, count(DISTINCT e.uuid) AS different",
    "mentions": "MATCH (:Episodic)-[e:MENTIONS]->() RETURN count(e) AS all, count(DISTINCT e.uuid) AS different",
}


async def counts(store: Neo4jStore | SqliteGraphStore) -> dict[str, int]:
    """Count each kind of thing; one that is there twice fails."""
    if isinstance(store, SqliteGraphStore):
        return {
            table: store._opened.read(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608  # our own names
            for table in TABLES
        }
    found = {}
    for kind, statement in COUNTS.items():
        row = (await store._ask(statement, {}))[0]
        assert row["all"] == row["different"], f"{kind} are doubled: {row}"
        found[kind] = row["all"]
    return found


def whole_page(ledger: SqliteLedger) -> Page:
    """Project the whole ledger at once."""
    return project(steps_after(ledger, 0, 10_000_000), PositionTracker(SECTOR_OF))


def expected(ledger: SqliteLedger) -> dict[str, int]:
    """Count what the ledger's rows come to."""
    page = whole_page(ledger)
    return {
        "entities": len(page.entities), "episodes": len(page.episodes), "relations": len(page.relations),
        "mentions": len(page.mentions),
    }  # fmt: skip
