"""The statements, plain Cypher without procedures: labels are constants, everything else is a parameter.

What exists is left as it is (`ON CREATE`), so that a page written twice changes nothing. The label is set on
creation, not matched, which lets the index on `Entity.uuid` find it. Times are sent once a page and named by
their index: the driver needs longer for a time than for all the rest of a row.
"""

from __future__ import annotations

from typing import Final, LiteralString

from adapters.memory.records import LABELS

# Named as Graphiti names them, so that it finds them there.
INDEXES: Final[tuple[LiteralString, ...]] = (
    "CREATE INDEX entity_uuid IF NOT EXISTS FOR (n:Entity) ON (n.uuid)",
    "CREATE INDEX episode_uuid IF NOT EXISTS FOR (n:Episodic) ON (n.uuid)",
    "CREATE CONSTRAINT trading_memory_id IF NOT EXISTS FOR (m:TradingMemory) REQUIRE m.id IS UNIQUE",
)
MARK: Final = """
    MERGE (m:TradingMemory {id: $id}) ON CREATE SET m.ledger = $ledger, m.sequence = 0
    RETURN m.ledger AS ledger, m.sequence AS sequence
"""
READ_MARK: Final = "MATCH (m:TradingMemory {id: $id}) RETURN m.sequence AS sequence"
# The write comes first: it takes the lock, so that what is read after it is nobody else's any more.
TAKE_MARK: Final = "MATCH (m:TradingMemory {id: $id}) SET m.writer = $writer RETURN m.sequence AS sequence"
MOVE_MARK: Final = "MATCH (m:TradingMemory {id: $id}) SET m.sequence = $sequence"
_ENTITY: Final = """
    MERGE (n:Entity {uuid: row.own.uuid})
    ON CREATE SET n = row.own, n.created_at = $times[row.created_at], """
ENTITIES: Final[dict[str, LiteralString]] = {
    "Ticker": _ENTITY + "n:Ticker",
    "Sector": _ENTITY + "n:Sector",
    "Regime": _ENTITY + "n:Regime",
    "Agent": _ENTITY + "n:Agent",
    "Decision": _ENTITY + "n:Decision",
    "Position": _ENTITY + "n:Position",
}
EPISODES: Final = """
    MERGE (n:Episodic {uuid: row.own.uuid})
    ON CREATE SET n = row.own, n.created_at = $times[row.created_at], n.valid_at = $times[row.valid_at]
"""
RELATIONS: Final = """
    MATCH (a:Entity {uuid: row.own.source_uuid}) MATCH (b:Entity {uuid: row.own.target_uuid})
    MERGE (a)-[e:RELATES_TO {uuid: row.own.uuid}]->(b)
    ON CREATE SET e = row.own, e.created_at = $times[row.created_at], e.valid_at = $times[row.valid_at],
        e.reference_time = $times[row.valid_at]
"""
MENTIONS: Final = """
    MATCH (a:Episodic {uuid: row.episode}) MATCH (b:Entity {uuid: row.entity})
    MERGE (a)-[e:MENTIONS {uuid: row.own.uuid}]->(b)
    ON CREATE SET e = row.own, e.created_at = $times[row.created_at]
"""
CLOSINGS: Final = """
    MATCH (a:Entity {uuid: row.source})-[e:RELATES_TO {uuid: row.relation}]->(:Entity)
    SET e.invalid_at = $times[row.invalid_at]
"""
FACTS: Final = """
    MATCH (:Entity {uuid: $ticker})-[e:RELATES_TO]-(:Entity)
    WITH e ORDER BY e.valid_at DESC, e.uuid LIMIT $limit
    RETURN e.uuid AS uuid, e.name AS name, e.fact AS fact, startNode(e).name AS source,
        endNode(e).name AS target, e.valid_at AS valid_at, e.invalid_at AS invalid_at, e.episodes AS episodes
"""
# Ours by their marks, in portions; a thing of ours that somebody else relates to stays.
FORGET: Final[tuple[LiteralString, ...]] = (
    """
    MATCH (:Entity)-[e:RELATES_TO]->(:Entity) WHERE e.group_id = $group AND e.origin = $origin
    WITH e LIMIT $portion DELETE e RETURN count(*) AS gone
    """,
    """
    MATCH (n:Episodic)-[e:MENTIONS]->(:Entity)
    WHERE n.group_id = $group AND n.source_description IN $sources AND e.group_id = $group
    WITH e LIMIT $portion DELETE e RETURN count(*) AS gone
    """,
    """
    MATCH (n:Episodic) WHERE n.group_id = $group AND n.source_description IN $sources AND NOT (n)--()
    WITH n LIMIT $portion DELETE n RETURN count(*) AS gone
    """,
    """
    MATCH (n:Entity) WHERE n.group_id = $group AND n.origin = $origin AND NOT (n)--()
    WITH n LIMIT $portion DELETE n RETURN count(*) AS gone
    """,
)
FORGET_MARK: Final = "MATCH (m:TradingMemory {id: $id}) DELETE m"


def for_each(statement: LiteralString) -> LiteralString:
    """Run a statement for each of `$rows`, and count those that found what they need."""
    return "UNWIND $rows AS row " + statement + " RETURN count(*) AS done"


assert tuple(ENTITIES) == LABELS  # noqa: S101  # one statement a label
