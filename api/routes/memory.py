"""The memory of a ticker."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Limit, ServiceDependency
from api.openapi import problems
from api.schemas.base import Data
from api.schemas.memory import MemoryAnswer
from api.schemas.requests import HeldTicker

router = APIRouter(tags=["portfolio"])


@router.get("/memory/{ticker}", responses=problems(422, 503))
async def memory(service: ServiceDependency, ticker: HeldTicker, limit: Limit = 50) -> MemoryAnswer:
    """Give what was decided on a ticker, what was held and what came of it, with who was right."""
    return MemoryAnswer.of(await service.memory(ticker, limit), data=Data.of_now(service))
