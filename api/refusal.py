"""A refusal: the problem that answers a request before any route sees it, on HTTP and WebSocket alike."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from api.problems import problem


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in."""

    status: int
    detail: str
    hint: str
    retry_after_seconds: int = 0

    def response(self) -> Response:
        """Say it as a problem."""
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        if self.retry_after_seconds:
            headers["Retry-After"] = str(self.retry_after_seconds)
        return problem(self.status, self.detail, self.hint, headers=headers)


async def refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request with the reason why it is not let in; a WebSocket is never opened."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.detail[:120]})
        return
    await refusal.response()(scope, receive, send)
