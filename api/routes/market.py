"""Regime, sector scan and ranking as of now; nothing is decided and nothing recorded."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Nothing, StrictRoute, WaitingService
from api.openapi import problems
from api.schemas.market import RankAnswer, RegimeAnswer, ScanAnswer
from core.cycles import RANK, REGIME, SCAN

router = APIRouter(tags=["market"], route_class=StrictRoute)


@router.get("/regime", responses=problems(503))
async def regime(service: WaitingService) -> RegimeAnswer:
    """Give the market's regime."""
    return RegimeAnswer.of_analysis(await service.analyse(REGIME))


@router.post("/scan", responses=problems(422, 503))
async def scan(service: WaitingService, _: Nothing) -> ScanAnswer:
    """Rank the 14 sectors by momentum against SPY, with picks for the top ones."""
    return ScanAnswer.of_analysis(await service.analyse(SCAN))


@router.post("/quant/rank", responses=problems(422, 503))
async def rank(service: WaitingService, _: Nothing) -> RankAnswer:
    """Rank the stocks by their probability to outperform."""
    return RankAnswer.of_analysis(await service.analyse(RANK))
