"""The portfolio as the ledger has it: orders, positions, trades."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Limit, ServiceDependency
from api.openapi import problems
from api.schemas.base import Data
from api.schemas.portfolio import OrdersAnswer, PositionsAnswer, TradesAnswer

router = APIRouter(tags=["portfolio"])


@router.get("/orders", responses=problems(422, 503))
async def orders(service: ServiceDependency, limit: Limit = 50) -> OrdersAnswer:
    """List orders, newest first."""
    return OrdersAnswer.model_validate({"orders": service.ledger.orders(limit), "data": Data.of_now(service)})


@router.get("/positions", responses=problems(503))
async def positions(service: ServiceDependency) -> PositionsAnswer:
    """Give cash, positions and how the day goes."""
    return PositionsAnswer.of_portfolio(service.portfolio(), service.levels(), Data.of_now(service))


@router.get("/trades", responses=problems(422, 503))
async def trades(service: ServiceDependency, limit: Limit = 50) -> TradesAnswer:
    """List closed round trips, and the single fills."""
    trades, fills = service.ledger.trades(limit), service.ledger.fills(limit)
    return TradesAnswer.model_validate({"trades": trades, "fills": fills, "data": Data.of_now(service)})
