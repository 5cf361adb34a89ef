"""Health, readiness and status."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import ServiceDependency
from api.openapi import problems
from api.schemas.daemon import HealthAnswer, ReadyAnswer
from core.errors import RequestError
from core.text_forms import CHALLENGE

router = APIRouter(tags=["daemon"])
Challenge = Annotated[
    str | None,
    Query(
        pattern=CHALLENGE, description="Random hex digits; on loopback `identity` proves that we know the token."
    ),
]


@router.get("/health", responses=problems(422))
async def health(request: Request, service: ServiceDependency, challenge: Challenge = None) -> HealthAnswer:
    """Answer at once, whatever the engine does; touches neither network nor models."""
    facts = service.health()
    if challenge is None:
        return HealthAnswer.model_validate(facts)
    identity = request.app.state.identity.answer(request.scope["server"][1], challenge)
    return HealthAnswer.model_validate({**facts, "identity": identity})


@router.get("/ready", responses=problems(503))
async def ready(service: ServiceDependency) -> ReadyAnswer:
    """Say whether start-up and reconciliation are done; 503 with the reason until then."""
    reason = service.not_ready_reason()
    if reason:
        raise RequestError(reason, hint="Ask again in a moment.", status=503)
    return ReadyAnswer()


STATUS_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Models, feed, broker and where orders go, portfolio, jobs, memory, configuration.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@router.get("/status", response_class=Response, responses=STATUS_CONTENT)
async def status(request: Request) -> Response:
    """Give the whole status, encoded ahead of time by the engine."""
    return Response(request.app.state.service.status(), media_type="application/json")
