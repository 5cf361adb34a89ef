"""Commands of a person: halt, resume, flatten, sell, cancel, check the risk."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path

from api.dependencies import Nothing, ServiceDependency, StartedService, StrictRoute, WaitingService
from api.exchange_hours import NoteAt, with_note
from api.openapi import SERVICE_CALL, problems
from api.routes.decide import recorded
from api.schemas.base import Data
from api.schemas.decision import DecisionAnswer
from api.schemas.flatten import FlattenedAnswer
from api.schemas.portfolio import OrderAnswer, ResumeAnswer, StateAnswer, described_orders
from api.schemas.requests import HaltRequest, ResumeRequest, SellRequest
from core.cycles import RISK_CHECK
from core.service import Service
from core.text_forms import IDENTIFIER

router = APIRouter(tags=["control"], route_class=StrictRoute)


@router.post("/halt", responses=problems(422, 503))
async def halt(
    service: ServiceDependency, body: Annotated[HaltRequest, Body(default_factory=HaltRequest)]
) -> StateAnswer:
    """Stop trading at once; reads go on."""
    await service.halt(body.reason)
    return _state(service)


@router.post("/resume", responses=problems(409, 422, 503))
async def resume(
    service: StartedService, body: Annotated[ResumeRequest, Body(default_factory=ResumeRequest)]
) -> ResumeAnswer:
    """Go back to trading; take over from the account what is named, and nothing else."""
    done = await service.resume(body.take_over)
    return ResumeAnswer(
        **_state(service).model_dump(), taken_over=dict(done.taken_over), offered=dict(done.offered)
    )


@router.post("/flatten", responses=problems(409, 422, 503))
async def flatten(service: StartedService, note_at: NoteAt, _: Nothing) -> FlattenedAnswer:
    """Sell every position and enter nothing until resumed; every step works on it until nothing is held."""
    report = await service.flatten()
    decision = with_note(DecisionAnswer.of_report(report, recorded(service, report)), note_at)
    return FlattenedAnswer.of_decision(decision, service.flatten_progress())


@router.post("/sell", responses=problems(409, 422, 503))
async def sell(service: StartedService, note_at: NoteAt, body: SellRequest) -> DecisionAnswer:
    """Sell one position, or a part of it, now."""
    report = await service.sell(body.symbol, body.quantity)
    return with_note(DecisionAnswer.of_report(report, recorded(service, report)), note_at)


@router.post("/orders/{client_order_id}/cancel", responses=SERVICE_CALL)
async def cancel(
    service: StartedService, client_order_id: Annotated[str, Path(pattern=IDENTIFIER)], _: Nothing
) -> OrderAnswer:
    """Cancel one open order; what had traded before stays."""
    return described_orders([await service.cancel(client_order_id)], service.ledger)[0]


@router.post("/risk/check", responses=SERVICE_CALL)
async def risk_check(service: WaitingService, _: Nothing) -> DecisionAnswer:
    """Hold every position against its stops and targets now, and sell what crossed one."""
    report = await service.step(RISK_CHECK)
    return DecisionAnswer.of_report(report, recorded(service, report))


def _state(service: Service) -> StateAnswer:
    return StateAnswer(trading_state=service.health()["trading_state"], data=Data.of_now(service))
