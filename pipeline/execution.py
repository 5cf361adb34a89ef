"""Execution of a recorded decision on a person's word: reviewed again, written down, then sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import structlog

from core.cycles import DECISION_CYCLES
from core.errors import RequestError
from core.ports import Ledger
from core.service import Execution, OrderRecord
from core.types import (
    ApprovedOrder,
    MarketView,
    OrderStatus,
    RefusedOrder,
    Side,
    StepReport,
    TradingState,
)
from pipeline.engine import Engine

log = structlog.get_logger("engine")


def execute(engine: Engine, decision_id: str | None, *, dry_run: bool) -> Execution:
    """Send a decision's approved orders, each at most once.

    Raises
    ------
    RequestError
        404 for an unknown decision; 409 for one that was a what-if, is from before the newest bar, or has
        orders that today's limits no longer allow; 409 when the engine is HALTED.
    """
    report = _recorded(engine, decision_id)
    view = engine.parts.feed.view(engine.parts.clock.now())
    _require_current(engine, report, view)
    waiting = _unsent(engine, report)
    if dry_run or not waiting:
        return _execution(engine, report, dry_run=dry_run)
    buys = any(one.order.side is Side.BUY for one in waiting)
    if buys and not engine.parts.admit(report.cycle).entries:
        raise RequestError(
            "Nothing is sent with real money before a person has confirmed it.",
            hint="POST /live/confirm with the code that stands in the log, then execute.",
            status=409,
        )
    approved, refused = _review_again(engine, report, view, waiting)
    if refused and not approved:
        first = refused[0]
        raise RequestError(
            f"{first.symbol}: {first.rule} no longer allows it (limit {first.limit}, observed {first.observed}).",
            hint="Decide again: POST /decide/v3.",
            status=409,
        )
    engine.send_proposed(approved)
    return _execution(engine, report, dry_run=False)


def is_decision(report: StepReport) -> bool:
    """Return whether a report is a decision about now: no what-if, no risk check, no recovery."""
    return report.cycle.kind.decides and report.cycle.as_of is None


def decisions_about_now(ledger: Ledger) -> Iterator[StepReport]:
    """Return the recorded decisions about now one by one, newest first, however many other steps came since."""
    return (report for report in ledger.steps(DECISION_CYCLES) if is_decision(report))


def newest_decision(ledger: Ledger) -> StepReport | None:
    """Return the newest decision about now; None when there is none."""
    return next(decisions_about_now(ledger), None)


def _recorded(engine: Engine, decision_id: str | None) -> StepReport:
    ledger = engine.parts.ledger
    if decision_id is None:
        newest = newest_decision(ledger)
        if newest is None:
            raise RequestError(
                "There is no decision to execute yet.", hint="Decide first: POST /decide/v3.", status=404
            )
        return newest
    report = ledger.decision(decision_id)
    if report is None:
        raise RequestError(f"There is no decision {decision_id}.", hint="GET /decisions lists them.", status=404)
    return report


def _require_current(engine: Engine, report: StepReport, view: MarketView) -> None:
    if report.cycle.as_of is not None:
        raise RequestError(
            f"Decision {report.decision_id} is a what-if at {report.as_of:%Y-%m-%d %H:%M}Z and never executed.",
            hint="Decide now: POST /decide/v3 without as_of.",
            status=409,
        )
    if engine.state is TradingState.HALTED:
        raise RequestError("The engine is HALTED: nothing is sent.", hint="POST /resume first.", status=409)
    if view.row >= 0 and view.bars.known_at[-1].item() > report.as_of.replace(tzinfo=None):
        raise RequestError(
            f"Decision {report.decision_id} was made before the bar of {view.session} was known.",
            hint="Decide again: POST /decide/v3.",
            status=409,
        )


def _unsent(engine: Engine, report: StepReport) -> tuple[ApprovedOrder, ...]:
    return tuple(
        approved
        for approved in report.plan.approved
        if (record := engine.parts.ledger.order(approved.order.client_order_id)) is not None
        and record.status is OrderStatus.PROPOSED
    )


def _review_again(
    engine: Engine, report: StepReport, view: MarketView, waiting: Sequence[ApprovedOrder]
) -> tuple[tuple[ApprovedOrder, ...], tuple[RefusedOrder, ...]]:
    """Review the waiting orders by the limits, the prices and the portfolio of now; what fails is not sent."""
    names = {approved.order.symbol for approved in waiting}
    plan = engine.parts.risk.review(
        decision_id=report.decision_id,
        decisions=[d for d in report.plan.decisions if d.symbol in names],
        view=view,
        portfolio=engine.portfolio,
        analysis=report.plan.analysis,
        state=engine.state,
        cycle=report.cycle,
    )
    return plan.approved, plan.refused


def _execution(engine: Engine, report: StepReport, *, dry_run: bool) -> Execution:
    records: list[OrderRecord] = []
    for approved in report.plan.approved:
        record = engine.parts.ledger.order(approved.order.client_order_id)
        if record is not None:
            records.append(record)
    return Execution(
        decision_id=report.decision_id, dry_run=dry_run, route=engine.parts.route, orders=tuple(records)
    )
