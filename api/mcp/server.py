"""The tools served by the official SDK; the only home of it."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from types import new_class
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

from api.mcp.tools import READS, Ask, EngineTools
from config.mcp import McpSettings
from config.version import engine_version
from core.errors import EngineError

NAME = "trading-engine"
INSTRUCTIONS = (
    "A trading daemon for US stocks. Every answer says where orders go. `propose` decides and sends nothing; "
    "`why` explains a decision. Figures are as measured; a fraction of 0.02 is 2 %."
)
ToolCall = Callable[..., Awaitable[dict[str, Any]]]


def build_server(ask: Ask, settings: McpSettings) -> MCPServer[Any]:
    """Return a server with the tools that the settings allow.

    Parameters
    ----------
    ask : callable
        How the daemon is asked.
    """
    tools, offered = EngineTools(ask), []
    for name in READS:
        read_only = name not in ("propose", "backtest")  # those two are recorded
        notes = ToolAnnotations(read_only_hint=read_only, destructive_hint=False, open_world_hint=False)
        offered.append(_strict(getattr(tools, name), notes))
    if settings.allow_execute:
        notes = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True)
        offered.append(_strict(tools.execute, notes))
    return MCPServer(NAME, instructions=INSTRUCTIONS, version=engine_version(), log_level="ERROR", tools=offered)


def _strict(call: ToolCall, notes: ToolAnnotations) -> Tool:
    """Return a tool that refuses arguments it does not have: the SDK's own would leave them out and go on."""
    tool = Tool.from_function(_refusing(call), name=call.__name__, annotations=notes)
    arguments = new_class(
        tool.name, (tool.fn_metadata.arg_model,), {"extra": "forbid", "hide_input_in_errors": True}
    )
    tool.fn_metadata.arg_model = arguments
    tool.parameters = tool.fn_metadata.arg_model.model_json_schema(by_alias=True)
    return tool


def _refusing(tool: ToolCall) -> ToolCall:
    """Make what the engine refuses a tool's error, with what to do."""

    @functools.wraps(tool)
    async def called(*arguments: Any, **named: Any) -> dict[str, Any]:
        try:
            return await tool(*arguments, **named)
        except EngineError as error:
            raise ToolError(str(error)) from error

    return called
