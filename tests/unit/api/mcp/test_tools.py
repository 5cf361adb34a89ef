"""What an assistant is kept from, wherever its settings stand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from api.mcp.server import build_server
from api.mcp.tools import LIVE, EngineTools
from config.environment import OrderRoute
from config.mcp import McpSettings
from core.errors import RequestError


class Recorded:
    """A daemon that writes down what it is asked."""

    def __init__(self, route: str) -> None:
        self.route, self.asked = route, list[tuple[str, str]]()

    async def __call__(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        self.asked.append((method, path))
        return {"broker": {"orders_go_to": self.route}}


def test_nothing_is_ever_sent_to_a_live_account() -> None:
    daemon = Recorded(OrderRoute.ALPACA_LIVE.value)
    assert LIVE == OrderRoute.ALPACA_LIVE
    with pytest.raises(RequestError, match="live account"):
        asyncio.run(EngineTools(daemon).execute("a-decision"))
    assert daemon.asked == [("GET", "/status")]


@pytest.mark.parametrize("route", [OrderRoute.PAPER_BUILTIN, OrderRoute.ALPACA_PAPER])
def test_a_paper_account_is_sent_to(route: OrderRoute) -> None:
    daemon = Recorded(route.value)
    answer = asyncio.run(EngineTools(daemon).execute("a-decision"))
    assert ("POST", "/execute") in daemon.asked
    assert answer["orders_go_to"] == route


@pytest.mark.parametrize("allowed", [False, True])
def test_the_tool_that_sends_is_there_only_where_it_is_allowed(allowed: bool) -> None:
    server = build_server(Recorded("nowhere"), McpSettings(allow_execute=allowed))
    names = {tool.name for tool in asyncio.run(server.list_tools())}
    assert ("execute" in names) is allowed
    assert not {"halt", "resume", "flatten", "sell"} & names
