"""A person's word before the first order with real money."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request
from pydantic import Field

from api.dependencies import ServiceDependency, StrictRoute
from api.openapi import problems
from api.schemas.base import Data, ResponseSchema, example
from api.schemas.requests import RequestBody
from core.errors import RequestError
from core.live_confirmation import Confirmation

router = APIRouter(tags=["control"], route_class=StrictRoute)


class ConfirmRequest(RequestBody):
    """The code that the log has."""

    code: Annotated[str, Field(max_length=64)] = Field("", description="From the log line `live.unconfirmed`.")


class ConfirmedAnswer(ResponseSchema):
    """Entries may be sent with real money."""

    model_config = example(confirmed=True)

    confirmed: bool
    data: Data


ConfirmBody = Annotated[ConfirmRequest, Body(default_factory=ConfirmRequest)]


@router.post("/live/confirm", responses=problems(409, 422, 503))
async def confirm(
    request: Request,
    service: ServiceDependency,
    body: Annotated[ConfirmRequest, Body(default_factory=ConfirmRequest)],
) -> ConfirmedAnswer:
    """Let entries be sent with real money: asked for once a set-up, where orders go to a live account."""
    confirmation: Confirmation | None = getattr(request.app.state, "live_confirmation", None)
    if confirmation is None:
        raise RequestError(
            "There is nothing to confirm: orders do not go to a live account.",
            hint="trading-engine doctor --live walks through the switches.",
            status=409,
        )
    confirmation.confirm(body.code)
    return ConfirmedAnswer(confirmed=confirmation.confirmed, data=Data.of_now(service))
