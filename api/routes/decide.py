"""Decisions: made, executed, listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path

from api.dependencies import Limit, Now, ServiceDependency, StrictRoute, WaitingService
from api.exchange_hours import NoteAt, with_note
from api.openapi import SERVICE_CALL, problems
from api.schemas.base import Data
from api.schemas.decision import DecisionAnswer, DecisionsAnswer, DecisionSummary
from api.schemas.portfolio import ExecutionAnswer, described_orders
from api.schemas.requests import DecideRequest, ExecuteRequest, past_moment
from core.cycles import DECIDE, DECIDE_V2
from core.errors import RequestError
from core.service import OrderRecord, Service
from core.text_forms import IDENTIFIER
from core.types import Cycle, StepReport

router = APIRouter(tags=["decisions"], route_class=StrictRoute)
DecideBody = Annotated[DecideRequest, Body(default_factory=DecideRequest)]


@router.post("/decide/v3", responses=SERVICE_CALL)
async def decide_v3(service: WaitingService, now: Now, note_at: NoteAt, body: DecideBody) -> DecisionAnswer:
    """Run the whole pipeline: market, ranker, RL, sentiment, synthesizer, risk."""
    return with_note(await _decide(service, DECIDE, body, now), note_at)


@router.post("/decide", responses=SERVICE_CALL)
async def decide_v2(service: WaitingService, now: Now, note_at: NoteAt, body: DecideBody) -> DecisionAnswer:
    """Run the legacy v2 vote: six signals and no ranker."""
    return with_note(await _decide(service, DECIDE_V2, body, now), note_at)


@router.post("/execute", responses=SERVICE_CALL)
async def execute(
    service: WaitingService,
    note_at: NoteAt,
    body: Annotated[ExecuteRequest, Body(default_factory=ExecuteRequest)],
) -> ExecutionAnswer:
    """Send a decision's approved orders; unless `dry_run` is false, only say what would be sent."""
    done = await service.execute(body.decision_id, dry_run=body.dry_run)
    orders = described_orders(done.orders, service.ledger)
    data = Data.of_now(service)
    note = note_at(data.as_of) if orders and data.as_of else ""
    return ExecutionAnswer.of(done, orders=orders, warnings=[*done.warnings, *filter(None, [note])], data=data)


@router.get("/decisions", responses=problems(422, 503))
async def decisions(service: ServiceDependency, limit: Limit = 20) -> DecisionsAnswer:
    """List recorded decisions, newest first."""
    return DecisionsAnswer(
        decisions=[DecisionSummary.of_report(report) for report in service.ledger.decisions(limit)]
    )


@router.get("/decisions/{decision_id}", responses=problems(404, 422, 503))
async def decision(
    service: ServiceDependency, decision_id: Annotated[str, Path(pattern=IDENTIFIER)]
) -> DecisionAnswer:
    """Give one recorded decision with all its reasons."""
    report = service.ledger.decision(decision_id)
    if report is None:
        raise RequestError(f"There is no decision {decision_id}.", hint="GET /decisions lists them.", status=404)
    return DecisionAnswer.of_report(report, recorded(service, report))


async def _decide(service: Service, kind: Cycle, body: DecideRequest, now: datetime) -> DecisionAnswer:
    as_of = past_moment(body.as_of, now)
    if as_of is not None and body.execute:
        raise RequestError(
            "A decision as of a past moment is a what-if and is never sent.",
            hint="Leave out as_of to decide now, or execute.",
            status=422,
        )
    cycle = replace(kind, submits=body.execute, as_of=as_of, symbols=tuple(body.tickers or ()))
    report = await service.step(cycle)
    return DecisionAnswer.of_report(report, recorded(service, report))


def recorded(service: Service, report: StepReport) -> Mapping[str, OrderRecord]:
    """Return what the ledger knows of a decision's orders, by client_order_id."""
    if not report.plan.approved:
        return {}
    return {order.client_order_id: order for order in service.ledger.orders_of(report.decision_id)}
