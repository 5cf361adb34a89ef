"""The MCP server by the SDK's own client, over stdio and over HTTP beside a real daemon."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from api.mcp.tools import READS
from tests.integration.test_first_agent import fresh_copy
from tests.servers.daemon import ROOT, SMALL_MODELS, Process, own_settings

TOKEN = "a-token-of-more-than-sixteen"
INITIALIZE = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}  # fmt: skip
ACCEPT = {"Accept": "application/json, text/event-stream"}
ROUTE = "built-in paper broker"


@pytest.fixture(scope="module")
def daemon(trained_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    folder = own_settings(tmp_path_factory.mktemp("config"))
    (folder / "trading.json").write_text(json.dumps({**SMALL_MODELS, "mcp": {"allow_execute": True}}))
    state = shutil.copytree(trained_state, tmp_path_factory.mktemp("mcp") / "state")
    with Process(state, folder, TRADING_API_TOKEN=TOKEN) as process:
        process.http.headers["Authorization"] = f"Bearer {TOKEN}"
        process.wait_idle()
        process.answer("/decide/v3", "POST")
        process.answer("/letter", "POST")
        yield process


def over_stdio(daemon: Process, home: Path = ROOT) -> AbstractAsyncContextManager[Client]:
    variables = {"TRADING_PORT": str(daemon.port), "TRADING_API_TOKEN": TOKEN, "PATH": os.environ["PATH"]}
    variables["PYTHONPATH"] = str(home)
    return Client(
        stdio_client(
            StdioServerParameters(command=sys.executable, args=["-m", "cli", "mcp"], env=variables, cwd=home)
        )
    )


@asynccontextmanager
async def over_http(daemon: Process) -> AsyncIterator[Client]:
    url, headers = f"http://127.0.0.1:{daemon.port}/mcp", {"Authorization": f"Bearer {TOKEN}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=90) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def call(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return dict(result.structured_content)


async def call_every_tool(client: Client) -> set[str]:
    """Call each tool that is listed; give their names."""
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert all(tool.description for tool in listed.values())
    proposal = await call(client, "propose")
    assert proposal["decisions"]
    assert proposal["orders_go_to"] == ROUTE
    job = await call(client, "backtest", start="2024-06-03", end="2024-06-07")
    arguments: dict[str, dict[str, Any]] = {
        "memory": {"ticker": "nvda"}, "job": {"job_id": job["job_id"]},
        "why": {"decision_id": proposal["decision_id"], "ticker": "nvda"},
        "execute": {"decision_id": proposal["decision_id"]},
    }  # fmt: skip
    for name in listed.keys() - {"propose", "backtest"}:
        answer = await call(client, name, **arguments.get(name, {}))
        assert answer["orders_go_to"] == ROUTE, name
        assert len(answer) > 1, name
    return set(listed)


async def with_client(opened: AbstractAsyncContextManager[Client]) -> set[str]:
    async with opened as client:
        return await call_every_tool(client)


def test_every_tool_answers_over_http(daemon: Process) -> None:
    assert asyncio.run(with_client(over_http(daemon))) == {*READS, "execute"}


def test_every_tool_answers_over_stdio(daemon: Process, tmp_path: Path) -> None:
    home = fresh_copy(tmp_path / "engine")
    (home / "config/trading.json").write_text(json.dumps({"mcp": {"allow_execute": True}}))
    daemon.wait_idle()
    assert asyncio.run(with_client(over_stdio(daemon, home))) == {*READS, "execute"}


def test_nothing_can_be_sent_unless_the_settings_allow_it(daemon: Process, tmp_path: Path) -> None:
    async def names() -> set[str]:
        async with over_stdio(daemon, fresh_copy(tmp_path / "engine")) as client:
            return {tool.name for tool in (await client.list_tools()).tools}

    assert asyncio.run(names()) == set(READS)


def test_a_proposal_sends_nothing_and_a_refusal_says_what_to_do(daemon: Process) -> None:
    async def ask() -> str:
        async with over_http(daemon) as client:
            proposal = await call(client, "propose", tickers=["NVDA", "AAPL"])
            assert {order["status"] for order in proposal["orders"]} <= {"proposed"}
            refused = await client.call_tool("propose", {"tickers": ["NVDIA"]})
            assert refused.is_error
            return str(refused.content)

    said = asyncio.run(ask())
    assert "NVDIA is not in the universe" in said
    assert "NVDA" in said


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "https://evil.example"}, 403),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}, 421),
        ({"Authorization": f"Bearer {TOKEN}"}, 200),
    ],
)
def test_host_origin_and_token_are_checked(headers: dict[str, str], status: int, daemon: Process) -> None:
    url = f"http://127.0.0.1:{daemon.port}/mcp"
    assert httpx.post(url, json=INITIALIZE, headers={**ACCEPT, **headers}).status_code == status
