"""The MCP server on standard input and output, for an assistant on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import typer

from cli.client import connected

commands = typer.Typer()


@commands.command()
def mcp() -> None:
    """Serve the running daemon to an assistant: MCP on stdio (config/mcp-servers.md)."""
    from api.mcp.server import build_server  # noqa: PLC0415  # brings the SDK
    from config.loader import load_trading  # noqa: PLC0415  # with it

    with connected() as daemon:

        async def ask(method: str, path: str, body: Mapping[str, Any] | None) -> Any:
            if method == "GET":
                return await asyncio.to_thread(daemon.get, path)
            return await asyncio.to_thread(daemon.post, path, body)

        build_server(ask, load_trading().mcp).run("stdio")
