"""The settings: what is in force and why, where each limit stands, and limits changed."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from api.dependencies import ServiceDependency, StrictRoute
from api.openapi import problems
from api.schemas.base import Data
from api.schemas.requests import LimitsRequest
from api.schemas.settings import LimitAnswer, LimitChangesAnswer, LimitsAnswer, SettingsAnswer
from core.errors import RequestError
from core.settings_access import SettingsAccess

router = APIRouter(tags=["settings"], route_class=StrictRoute)


async def _access(request: Request) -> SettingsAccess:
    access: SettingsAccess | None = getattr(request.app.state, "settings_access", None)
    if access is None:
        raise RequestError("The settings are not read here.", hint="Start the daemon as a whole.", status=404)
    return access


async def _may_loosen(request: Request) -> bool:
    """Return whether whoever asks has shown a token: without one every program on this machine could."""
    needed: bool = request.app.state.token_required
    return needed


Access = Annotated[SettingsAccess, Depends(_access)]
MayLoosen = Annotated[bool, Depends(_may_loosen)]


@router.get("/config", responses=problems(404, 409))
async def config(access: Access) -> SettingsAnswer:
    """List every key that may be set: its value, its default, what says so, and what it means."""
    return SettingsAnswer.model_validate({"settings": await asyncio.to_thread(access.settings)})


@router.get("/risk", responses=problems(404, 409, 503))
async def limits(service: ServiceDependency, access: Access, may_loosen: MayLoosen) -> LimitsAnswer:
    """List every limit with what stands against it now."""
    found, standings = await asyncio.to_thread(access.settings), access.standings()
    risk = [one for one in found if one.key.startswith("risk.")]
    return LimitsAnswer(
        limits=[LimitAnswer.of_limit(one, standings.get(one.key.removeprefix("risk."))) for one in risk],
        may_loosen=may_loosen,
        data=Data.of_now(service),
    )


@router.post("/risk", responses=problems(403, 404, 409, 422))
async def change_limits(access: Access, may_loosen: MayLoosen, body: LimitsRequest) -> LimitChangesAnswer:
    """Change limits in your own `risk.json`, all or none; unless `dry_run` is false, only say how."""
    changes = await asyncio.to_thread(
        access.change_limits, body.changes, may_loosen=may_loosen, dry_run=body.dry_run
    )
    return LimitChangesAnswer.model_validate(
        {"dry_run": body.dry_run, "changes": changes, "takes_effect": "at the next step"}
    )
