"""What was written, read by graphiti-core's own classes: every field of every thing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.memory.outbox import rebuild
from adapters.memory.projection import project
from adapters.memory.records import GROUP_ID, ORIGIN, Page
from adapters.memory.round_trips import PositionTracker
from config.memory import MemorySettings
from tests.default_universe import SECTOR_OF
from tests.graph_counts import whole_page
from tests.memory.conftest import store_at
from tests.memory.ledgers import some_days
from tests.servers.bolt import PASSWORD, USER, GraphServer

pytest.importorskip("graphiti_core", reason="Graphiti's reader is in the extra `graph-test`")


def utc(at: datetime | None) -> datetime | None:
    """The test's server keeps no zone; Neo4j does."""
    if at is None:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


@pytest.fixture
def page(graph_server: GraphServer) -> Page:
    ledger = some_days(2)

    async def fill() -> None:
        store = store_at(graph_server)
        await rebuild(ledger, store, MemorySettings(page_steps=120), SECTOR_OF, lambda _: None)
        await store.close()

    asyncio.run(fill())
    made = whole_page(ledger)
    assert made.closings
    assert project([], PositionTracker(SECTOR_OF)).rows == 0
    return made


def read(server: GraphServer, ask: Any) -> Any:
    from graphiti_core.driver.neo4j_driver import Neo4jDriver

    driver = Neo4jDriver(server.uri, USER, PASSWORD)  # outside a loop: it makes no full-text indexes

    async def go() -> Any:
        try:
            return await ask(driver)
        finally:
            await driver.close()

    return asyncio.run(go())


def test_entities(graph_server: GraphServer, page: Page) -> None:
    from graphiti_core.nodes import EntityNode

    found = read(graph_server, lambda driver: EntityNode.get_by_group_ids(driver, [GROUP_ID]))
    assert {node.uuid for node in found} == set(page.entities)
    for node in found:
        made = page.entities[node.uuid]
        assert (node.name, node.group_id, node.summary) == (made.name, GROUP_ID, made.summary)
        assert set(node.labels) == {"Entity", made.label}
        assert utc(node.created_at) == made.created_at
        assert node.attributes == {**made.attributes, "origin": ORIGIN}
        assert node.name_embedding is None
    one = next(iter(page.entities))
    assert read(graph_server, lambda driver: EntityNode.get_by_uuid(driver, one)).uuid == one


def test_episodes(graph_server: GraphServer, page: Page) -> None:
    from graphiti_core.nodes import EpisodicNode

    found = read(graph_server, lambda driver: EpisodicNode.get_by_group_ids(driver, [GROUP_ID]))
    assert {node.uuid for node in found} == set(page.episodes)
    for node in found:
        made = page.episodes[node.uuid]
        assert (node.name, node.group_id, node.content) == (made.name, GROUP_ID, made.content)
        assert (node.source.value, node.source_description) == (made.source, made.source_description)
        assert (utc(node.valid_at), utc(node.created_at)) == (made.valid_at, made.created_at)
        assert tuple(node.entity_edges) == made.entity_edges
    assert {node.source.value for node in found} == {"json", "text"}


def test_facts(graph_server: GraphServer, page: Page) -> None:
    from graphiti_core.edges import EntityEdge

    found = read(graph_server, lambda driver: EntityEdge.get_by_group_ids(driver, [GROUP_ID]))
    assert {edge.uuid for edge in found} == set(page.relations)
    for edge in found:
        made, end = page.relations[edge.uuid], page.closings.get(edge.uuid)
        assert (edge.source_node_uuid, edge.target_node_uuid) == (made.source, made.target)
        assert (edge.name, edge.fact, edge.group_id) == (made.name, made.fact, GROUP_ID)
        assert tuple(edge.episodes) == made.episodes
        assert (utc(edge.created_at), utc(edge.valid_at)) == (made.created_at, made.valid_at)
        assert utc(edge.reference_time) == made.valid_at
        assert utc(edge.invalid_at) == (end.invalid_at if end else None)
        assert edge.expired_at is None
        ends = {"source_uuid": made.source, "target_uuid": made.target}  # as Graphiti itself leaves them
        assert edge.attributes == {**made.attributes, **ends, "origin": ORIGIN}
    assert sum(edge.invalid_at is not None for edge in found) == len(page.closings)


def test_mentions(graph_server: GraphServer, page: Page) -> None:
    from graphiti_core.edges import EpisodicEdge

    found = read(graph_server, lambda driver: EpisodicEdge.get_by_group_ids(driver, [GROUP_ID]))
    assert {edge.uuid for edge in found} == set(page.mentions)
    for edge in found:
        made = page.mentions[edge.uuid]
        assert (edge.source_node_uuid, edge.target_node_uuid) == (made.episode, made.entity)
        assert (edge.group_id, utc(edge.created_at)) == (GROUP_ID, made.created_at)


def test_what_graphiti_saves_itself_has_our_properties(graph_server: GraphServer, page: Page) -> None:
    """Written back by Graphiti's own `save`, an episode keeps every property as it was."""
    from graphiti_core.nodes import EpisodicNode

    one = next(iter(page.episodes))

    async def raw(driver: Any) -> Any:
        answer = await driver.execute_query(
            "MATCH (n:Episodic {uuid: $uuid}) RETURN properties(n) AS p", uuid=one
        )
        return {**answer.records[0]["p"]}

    before = read(graph_server, raw)

    async def save(driver: Any) -> None:
        await (await EpisodicNode.get_by_uuid(driver, one)).save(driver)

    read(graph_server, save)
    assert read(graph_server, raw) == before
    assert set(before) == {
        "uuid", "name", "group_id", "source", "source_description", "content", "entity_edges", "created_at",
        "valid_at",
    }  # fmt: skip
