"""What each job asks of the engine: one line each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from core.cycles import DECIDE_AND_SEND, SETTLE
from core.errors import EngineError, Recoverable
from core.service import Service
from core.types import StepReport
from scheduler.timetable import Admission, cycle_of

Work = Callable[[Service, Admission], Awaitable[str]]
ONLY_EXITS = replace(DECIDE_AND_SEND, entries=False)
WEEKLY = ("quant_retrain", "train")


async def cron_regime(service: Service, admission: Admission) -> str:
    """Move the regime's filter forward to the last session."""
    return _summary(await service.step(cycle_of("cron_regime", admission)))


async def cron_risk_check(service: Service, admission: Admission) -> str:
    """Compare every position with its levels while the exchange is open; else book fills and mark to market."""
    return _summary(await service.step(cycle_of("cron_risk_check", admission)))


async def cron_decide(service: Service, admission: Admission) -> str:
    """Decide; send while the exchange is open."""
    return _summary(await service.step(cycle_of("cron_decide", admission)))


async def cron_decide_for_auction(service: Service, admission: Admission) -> str:
    """Decide; before the open send all, for its auction; while the exchange is open only exits."""
    return _summary(await service.step(ONLY_EXITS if admission.exchange_open else DECIDE_AND_SEND))


async def cron_weekly_retrain(service: Service, _: Admission) -> str:
    """Fetch the week's last bars, train the ranker, then the ensemble; each whatever became of the others."""
    return "; ".join([await _refreshed_bars(service), *[await _trained(service, kind) for kind in WEEKLY]])


WORK: Mapping[str, Work] = {
    "cron_regime": cron_regime,
    "cron_risk_check": cron_risk_check,
    "cron_decide": cron_decide,
    "cron_weekly_retrain": cron_weekly_retrain,
}


AUCTION_WORK: Mapping[str, Work] = {**WORK, "cron_decide": cron_decide_for_auction}
"""What the jobs do where entries are for the opening auction."""


def _summary(report: StepReport) -> str:
    plan = report.plan
    sent = "sent" if report.cycle.submits else "proposed"
    return (
        f"{report.cycle.name}: {len(plan.approved)} {sent}, {len(plan.refused)} refused, "
        f"{len(report.fills)} filled, {plan.state.value}"
    )


async def _refreshed_bars(service: Service) -> str:
    try:
        return f"bars until {(await service.step(SETTLE)).bars_until}"
    except Recoverable as error:
        return f"on older bars: {error}"


async def _trained(service: Service, kind: str) -> str:
    try:
        job = await asyncio.to_thread(service.start_job, kind, {})
    except EngineError as error:
        return f"{kind} did not begin: {error}"
    ended = await service.finished(job.job_id)
    return f"{kind} {ended.status.value}: {ended.error or ended.result.get('reason') or ended.message}"
