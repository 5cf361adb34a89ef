"""`/mcp`: the tools over streamable HTTP, behind the same checks as every other path; built at its first call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from config.environment import Environment
from config.mcp import McpSettings
from core.errors import RequestError

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

PATH = "/mcp"
HERE = "http://127.0.0.1"


def add_mcp(app: FastAPI, environment: Environment, settings: McpSettings) -> None:
    """Let an application answer at `/mcp`."""
    endpoint = McpEndpoint(app, environment, settings)
    app.router.routes.append(Route(PATH, endpoint=endpoint, include_in_schema=False))
    app.state.before_stop = [endpoint.stop]


class McpEndpoint:
    """An ASGI application that answers at one path.

    Each request stands by itself: no session is kept, so none can be left open.

    Parameters
    ----------
    app : ASGIApp
        The REST interface that the tools ask, its checks included.
    """

    def __init__(self, app: ASGIApp, environment: Environment, settings: McpSettings) -> None:
        self._app = app
        self._token = environment.token
        self._settings = settings
        self._manager: StreamableHTTPSessionManager | None = None
        self._running: asyncio.Task[None] | None = None
        self._building = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        async with self._building:
            if self._manager is None:
                self._manager = await self._begin()
        await self._manager.handle_request(scope, receive, send)

    async def stop(self) -> None:
        """End what answers; nothing is answered after it."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])

    async def _begin(self) -> StreamableHTTPSessionManager:
        from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415  # heavy

        from api.mcp.server import build_server  # noqa: PLC0415  # brings the SDK

        server = build_server(self._ask, self._settings)
        ours_came_before = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        server.streamable_http_app(json_response=True, stateless_http=True, transport_security=ours_came_before)
        manager = server.session_manager
        ready = asyncio.Event()

        async def run() -> None:
            async with manager.run():
                ready.set()
                await asyncio.Event().wait()

        self._running = asyncio.create_task(run(), name="mcp")
        await ready.wait()
        return manager

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        """Ask our own application, as a client on this machine would."""
        import httpx  # noqa: PLC0415  # with the SDK

        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"} if self._token else {}
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url=HERE, headers=headers) as client:
            answer = await client.request(method, path, json=dict(body) if body is not None else None)
        content = answer.json()
        if answer.is_success:
            return content
        raise RequestError(content["detail"], hint=content["hint"], status=answer.status_code)
