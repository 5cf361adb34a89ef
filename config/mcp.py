"""`mcp` in `config/trading*.json`: what an assistant may do through the MCP server."""

from __future__ import annotations

from config.frozen import Frozen


class McpSettings(Frozen):
    """What an assistant may do through the MCP server; it may always read and propose.

    Attributes
    ----------
    allow_execute : bool
        Whether it may also send a proposal's orders. Never to a live account, whatever this says.
    """

    allow_execute: bool = False
