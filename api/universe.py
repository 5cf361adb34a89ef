"""Which stocks a request may name: those of the engine's universe, for as long as the request is read."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from api.schemas.requests import UNIVERSE
from core.universe import Universe


class UniverseMiddleware:
    """Lets whatever reads a request know the universe that its tickers must belong to."""

    def __init__(self, app: ASGIApp, universe: Universe) -> None:
        self._app = app
        self._universe = universe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request with the universe at hand."""
        token = UNIVERSE.set(self._universe)
        try:
            await self._app(scope, receive, send)
        finally:
            UNIVERSE.reset(token)
