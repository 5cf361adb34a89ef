"""Which stocks a request may name: the universe's, and what is held, for as long as the request is read."""

from __future__ import annotations

from collections.abc import Callable, Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from api.schemas.requests import HELD, UNIVERSE
from core.universe import Universe


class UniverseMiddleware:
    """Lets whatever reads a request know the universe that its tickers must belong to, and what is held.

    Parameters
    ----------
    held : callable
        Returns the symbols held now, of the universe or not.
    """

    def __init__(self, app: ASGIApp, universe: Universe, held: Callable[[], Collection[str]]) -> None:
        self._app = app
        self._universe = universe
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request with the universe at hand."""
        token, held = UNIVERSE.set(self._universe), HELD.set(self._held)
        try:
            await self._app(scope, receive, send)
        finally:
            HELD.reset(held)
            UNIVERSE.reset(token)
