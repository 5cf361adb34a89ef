"""The portfolio as the ledger has it: orders, positions, trades."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Limit, ServiceDependency
from api.openapi import problems
from api.schemas.base import Data
from api.schemas.portfolio import (
    FillAnswer,
    OrdersAnswer,
    PositionsAnswer,
    ReconciliationAnswer,
    TradesAnswer,
    described_orders,
)

router = APIRouter(tags=["portfolio"])


@router.get("/orders", responses=problems(422, 503))
async def orders(service: ServiceDependency, limit: Limit = 50) -> OrdersAnswer:
    """List orders and what became of them and why, and what limits stopped; newest first."""
    found, refused = service.ledger.orders(limit), service.ledger.refusals(limit)
    orders = described_orders(found, service.ledger)
    return OrdersAnswer.model_validate({"orders": orders, "refused": refused, "data": Data.of_now(service)})


@router.get("/positions", responses=problems(503))
async def positions(service: ServiceDependency) -> PositionsAnswer:
    """Give cash, positions and how the day goes."""
    portfolio = service.portfolio()
    filled = service.ledger.fill_count(portfolio.session) if portfolio.session else 0
    return PositionsAnswer.of_portfolio(
        portfolio, service.levels(), service.protection(), Data.of_now(service), fill_count=filled
    )


@router.get("/reconciliation", responses=problems(503))
async def reconciliation(service: ServiceDependency) -> ReconciliationAnswer:
    """Give the last comparison of ledger and account: what differs, what is frozen, what is left alone."""
    return ReconciliationAnswer.model_validate({**service.reconciliation(), "data": Data.of_now(service)})


@router.get("/trades", responses=problems(422, 503))
async def trades(service: ServiceDependency, limit: Limit = 50) -> TradesAnswer:
    """List closed round trips, the single fills, and cash that came or went without a trade."""
    ledger = service.ledger
    fills = ledger.fills(limit)
    references = ledger.reference_prices([fill.client_order_id for fill in fills])
    return TradesAnswer.model_validate(
        {
            "trades": ledger.trades(limit), "fills": [FillAnswer.of_fill(fill, references) for fill in fills],
            "cash_movements": ledger.cash_movements(limit), "data": Data.of_now(service),
        }
    )  # fmt: skip
