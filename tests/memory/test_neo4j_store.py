"""The graph in a real server over Bolt: the same as SQLite's, ours alone, and clear about what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from adapters.ledger import SqliteLedger
from adapters.memory.journal import Step, steps_after
from adapters.memory.neo4j_store import Neo4jStore
from adapters.memory.outbox import rebuild
from adapters.memory.projection import project
from adapters.memory.round_trips import PositionTracker
from adapters.memory.sqlite_store import SqliteGraphStore
from config.memory import MemorySettings
from core.errors import RecallError
from tests.default_universe import SECTOR_OF
from tests.graph_counts import counts, expected
from tests.ledger_days import NASTY, Days
from tests.memory.conftest import store_at
from tests.memory.ledgers import ALL, ledger_of, some_days, write_again
from tests.servers.bolt import PASSWORD, GraphServer, free_ports

PAGES = MemorySettings(page_steps=120)
EVERYTHING = """
    MATCH (n) OPTIONAL MATCH (n)-[e]->(m)
    RETURN labels(n) AS labels, properties(n) AS node, type(e) AS kind, properties(e) AS edge, m.uuid AS target
"""
FOREIGN = (
    "CREATE (:Person {name: 'somebody', uuid: 'p'})",
    "CREATE (:Entity {uuid: 'theirs', group_id: 'other', name: 'NVDA'})",
    "CREATE (:Entity {uuid: 'same group', group_id: 'trading-portfolio', name: 'theirs too'})",
    "CREATE (:Episodic {uuid: 'talk', group_id: 'trading-portfolio', source_description: 'a chat'})",
    "MATCH (a:Episodic {uuid: 'talk'}), (b:Entity {uuid: 'theirs'}) CREATE (a)-[:MENTIONS {uuid: 'm'}]->(b)",
)


def run(server: GraphServer, work: Callable[[Neo4jStore], Awaitable[Any]], **changes: str) -> Any:
    async def go() -> Any:
        store = store_at(server, **changes)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(go())


async def fill(store: Neo4jStore | SqliteGraphStore, ledger: SqliteLedger) -> int:
    return await rebuild(ledger, store, PAGES, SECTOR_OF, lambda _: None)


def test_it_holds_what_the_ledger_makes_and_answers_as_sqlite_does(graph_server: GraphServer) -> None:
    ledger, here = some_days(2), SqliteGraphStore(None)

    async def work(store: Neo4jStore) -> None:
        await fill(store, ledger)
        await fill(here, ledger)
        assert await counts(store) == await counts(here) == expected(ledger)
        symbols = {fill.symbol for fill in ledger.fills(ALL)}
        for symbol in sorted(symbols):
            facts = await store.facts(symbol, 100)
            assert facts == await here.facts(symbol, 100)
            assert len(facts) > 2
        assert await store.facts(symbol, 2) == facts[:2]

    run(graph_server, work)


def test_writing_twice_and_rebuilding_change_nothing(graph_server: GraphServer) -> None:
    ledger = some_days(2)

    async def work(store: Neo4jStore) -> None:
        await fill(store, ledger)
        once = await everything(store)
        await write_again(ledger, store, 77)
        assert await everything(store) == once
        await fill(store, ledger)
        assert await everything(store) == once
        assert len(once) > 100

    run(graph_server, work)


async def everything(store: Neo4jStore) -> list[str]:
    rows = await store._ask(EVERYTHING, {})
    for row in rows:
        row["node"].pop("writer", None)  # which process wrote last
    return sorted(repr(row) for row in rows)


def test_foreign_data_is_left_as_it_is(graph_server: GraphServer) -> None:
    ledger = some_days(2)

    async def work(store: Neo4jStore) -> None:
        for statement in FOREIGN:
            await store._ask(statement, {})
        theirs = await everything(store)
        await fill(store, ledger)
        attach = (
            "MATCH (a:Person {uuid: 'p'}), (b:Ticker) WITH a, b LIMIT 1 CREATE (a)-[:LIKES {why: 'mine'}]->(b)"
        )
        await store._ask(attach, {})
        await fill(store, ledger)
        after = await everything(store)
        assert set(theirs) - set(after) == {row for row in theirs if "somebody" in row}  # it likes a ticker now
        assert len([row for row in after if "'mine'" in row]) == 1
        assert (await counts(store))["relations"] == expected(ledger)["relations"]
        await store.wipe()
        left = await everything(store)
        assert len(left) == len(theirs) + 1  # the ticker that somebody likes stays with it
        assert len([row for row in left if "'mine'" in row]) == 1

    run(graph_server, work)


def test_a_graph_of_another_ledger_is_refused_and_untouched(graph_server: GraphServer) -> None:
    async def work(store: Neo4jStore) -> None:
        await fill(store, some_days(2))
        before = await everything(store)
        with pytest.raises(RecallError, match="another ledger"):
            await store.open("20990101T000000-recover-000000000000")
        assert await everything(store) == before

    run(graph_server, work)


def test_texts_with_quotes_and_cypher_arrive_as_they_are(graph_server: GraphServer) -> None:
    async def work(store: Neo4jStore) -> None:
        await fill(store, ledger_of(Days(trades_a_day=2).steps(1)))
        found = await store._ask(
            "MATCH ()-[e:RELATES_TO]->() WHERE e.fact CONTAINS $nasty RETURN e", {"nasty": NASTY}
        )
        assert len(found) >= 2

    run(graph_server, work)


def test_a_lost_thing_is_noticed(graph_server: GraphServer) -> None:
    ledger = some_days(2)

    async def work(store: Neo4jStore) -> None:
        await fill(store, ledger)
        await store._ask("MATCH (n:Position) DETACH DELETE n", {})
        book, steps = PositionTracker(SECTOR_OF), steps_after(ledger, 0, ALL)
        closing = next([pair] for pair in steps if any(turn.closed for turn in book.take(pair[1])))
        page = project(closing, book_before(steps, closing[0][0]))
        assert page.closings
        page.until = await store.place_in_ledger()
        with pytest.raises(RecallError, match="lost things"):
            await store.write(page, page.until)

    run(graph_server, work)


def book_before(steps: list[tuple[int, Step]], place: int) -> PositionTracker:
    book = PositionTracker(SECTOR_OF)
    for at, step in steps:
        if at < place:
            book.take(step)
    return book


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "wrong"}, "refused NEO4J_USER or NEO4J_PASSWORD"),
        ({"uri": "http://127.0.0.1:7687"}, "cannot be used"),
        ({"uri": "nonsense"}, "cannot be used"),
        ({"uri": f"bolt://127.0.0.1:{free_ports(1)[0]}"}, "failed"),
    ],
)
def test_a_wrong_password_or_uri_is_a_clear_message(
    shared_server: GraphServer, changes: dict[str, str], said: str
) -> None:
    async def work(store: Neo4jStore) -> None:
        with pytest.raises(RecallError, match=said) as refused:
            await store.open("first")
        assert changes.get("password", PASSWORD) not in str(refused.value)

    run(shared_server, work, **changes)


def test_a_server_that_stalls_is_given_up_in_time(graph_server: GraphServer) -> None:
    async def go() -> None:
        store = Neo4jStore(graph_server.uri, "root", PASSWORD, MemorySettings(timeout_seconds=0.5))
        await store.open("first")
        graph_server.stall()
        try:
            with pytest.raises(RecallError, match="did not answer within"):
                await store.facts("NVDA", 5)
        finally:
            graph_server.go_on()
            await store.close()

    asyncio.run(go())
