"""The tools by the SDK's own client: what is misspelt is refused, and a name leads nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from mcp.client.client import Client

from api.mcp.server import build_server
from config.mcp import McpSettings


def call(name: str, **arguments: Any) -> tuple[bool, str, list[str]]:
    """Call a tool; return whether it was refused, the answer's text, and the paths that were asked for."""
    asked: list[str] = []

    async def ask(method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        del method, body
        asked.append(path)
        return {"broker": {"orders_go_to": "built-in paper broker"}, "market": {}, "decisions": []}

    async def run() -> tuple[bool, str]:
        async with Client(build_server(ask, McpSettings(allow_execute=True))) as client:
            result = await client.call_tool(name, arguments)
            return bool(result.is_error), str(getattr(result.content[0], "text", ""))

    refused, text = asyncio.run(run())
    return refused, text, asked


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("propose", {"as_of": "1999-01-01"}),
        ("why", {"decision": "x"}),
        ("positions", {"ticker": "AAPL"}),
        ("execute", {"decision_id": "x", "dry_run": True}),
        ("propose", {"tickers": 7}),
        ("memory", {}),
    ],
)
def test_an_argument_that_a_tool_does_not_have_is_refused_and_nothing_is_asked(
    name: str, arguments: dict[str, Any]
) -> None:
    refused, text, asked = call(name, **arguments)
    assert refused
    assert name in text
    assert asked == []


def test_the_listed_arguments_say_that_there_are_no_others() -> None:
    async def listed() -> list[dict[str, Any]]:
        async def ask(*_: Any) -> Any:
            raise AssertionError

        async with Client(build_server(ask, McpSettings())) as client:
            return [dict(tool.input_schema) for tool in (await client.list_tools()).tools]

    schemas = asyncio.run(listed())
    assert len(schemas) > 10
    assert all(schema["additionalProperties"] is False for schema in schemas)


@pytest.mark.parametrize(
    ("name", "arguments", "path"),
    [
        ("why", {"decision_id": "../positions"}, "/decisions/..%2Fpositions"),
        ("job", {"job_id": "a?wait=false"}, "/jobs/a%3Fwait%3Dfalse"),
        ("letter", {"session": "2026-01-05/page"}, "/letter/2026-01-05%2Fpage"),
        ("memory", {"ticker": "brk.b"}, "/memory/BRK.B?limit=20"),
    ],
)
def test_a_name_is_one_part_of_a_path(name: str, arguments: dict[str, Any], path: str) -> None:
    assert path in call(name, **arguments)[2]


def test_dots_alone_name_nothing() -> None:
    refused, text, asked = call("job", job_id="..")
    assert refused
    assert "names nothing" in text
    assert asked == []
