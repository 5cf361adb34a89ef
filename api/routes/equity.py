"""How equity went, beside the market."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import ServiceDependency
from api.openapi import problems
from api.schemas.base import Data
from api.schemas.equity import EquityAnswer
from core.statistics import SESSIONS_PER_YEAR

Sessions = Annotated[int, Query(ge=1, le=2520, description="How many sessions, the newest.")]
router = APIRouter(tags=["portfolio"])


@router.get("/equity", responses=problems(422, 503))
def equity(service: ServiceDependency, sessions: Sessions = SESSIONS_PER_YEAR) -> EquityAnswer:
    """Give equity session by session, with SPY and the equal-weight universe; off the event loop."""
    return EquityAnswer.model_validate({"points": service.equity(sessions), "data": Data.of_now(service)})
