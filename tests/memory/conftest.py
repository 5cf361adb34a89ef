"""The graph server that the memory's tests share, one for all of them, emptied before each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from adapters.memory.neo4j_store import Neo4jStore
from config.memory import MemorySettings
from tests.servers.bolt import PASSWORD, USER, GraphServer


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphServer]:
    pytest.importorskip("arcadedb_embedded", reason="a server that speaks Bolt is in the extra `graph-test`")
    server = GraphServer(tmp_path_factory.mktemp("graph"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def graph_server(shared_server: GraphServer) -> GraphServer:
    """The running server with an empty graph."""

    async def empty() -> None:
        store = store_at(shared_server)
        await store._ask("MATCH (n) DETACH DELETE n", {})
        await store.close()

    asyncio.run(empty())
    return shared_server


def store_at(server: GraphServer, **changes: str) -> Neo4jStore:
    """Give a store at a server, with the right password unless told otherwise."""
    given = {"uri": server.uri, "user": USER, "password": PASSWORD} | changes
    return Neo4jStore(given["uri"], given["user"], given["password"], MemorySettings())
