"""Backtests: of the whole pipeline, of the ranker alone, of the scanner."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Body, Query, Response
from pydantic import ConfigDict, Field, StrictBool, StrictInt
from starlette.concurrency import run_in_threadpool

from api.answers import Data
from api.answers_backtest import BacktestAnswer, ScanBacktestAnswer
from api.answers_daemon import JobAnswer
from api.dependencies import Engine, StrictRoute
from api.openapi import ASKING
from api.requests import Asked
from core.errors import Recoverable
from core.service import JobStatus, Service

SEED_MAX = 2**31 - 1
BOOKS_MIN, BOOKS_MAX = 200, 10_000
router = APIRouter(tags=["backtest"], route_class=StrictRoute)
Wait = Annotated[bool, Query(description="Wait for the result; false answers 202 with a job.")]
Made = TypeVar("Made", BacktestAnswer, ScanBacktestAnswer)


class SpanRequest(Asked):
    """Which sessions, under which settings."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"start": "2024-01-02", "end": "2024-12-31"}]})

    start: dt.date | None = Field(
        None, description="First session; default 2019-01-02, or the earliest the bars allow."
    )
    end: dt.date | None = Field(None, description="Last session; default the last there is.")
    profile: Literal["runbook", "measured"] | None = Field(None, description="Default: the daemon's.")
    seed: Annotated[StrictInt, Field(ge=0, le=SEED_MAX)] | None = Field(
        None, description="Of the models and of what the report draws; default: the settings'."
    )


class BacktestRequest(SpanRequest):
    """What to run over history."""

    strategy: Literal["pipeline", "quant_v8"] = Field("pipeline", description="`quant_v8` is the ranker alone.")
    books: Annotated[StrictInt, Field(ge=BOOKS_MIN, le=BOOKS_MAX)] = Field(
        1000, description="Random books that the result is placed among."
    )
    attribution: StrictBool = Field(
        False, description="Also run again without each agent and each exit rule: about ten runs more."
    )


class BacktestFailed(Recoverable):
    """The child process failed; nothing was changed."""


RESPONSES = {**ASKING, 202: {"model": JobAnswer, "description": "Started; it goes on by itself."}}


@router.post("/backtest", responses=RESPONSES, response_model=BacktestAnswer)
async def backtest(
    service: Engine,
    wanted: Annotated[BacktestRequest, Body(default_factory=BacktestRequest)],
    wait: Wait = True,
) -> BacktestAnswer | Response:
    """Walk the strategy forward over the daemon's own bars in a child process: minutes, rankers included."""
    return await _answer(service, "backtest", wanted.model_dump(), BacktestAnswer, wait=wait)


@router.post("/scan/backtest", responses=RESPONSES, response_model=ScanBacktestAnswer)
async def scan_backtest(
    service: Engine, wanted: Annotated[SpanRequest, Body(default_factory=SpanRequest)], wait: Wait = True
) -> ScanBacktestAnswer | Response:
    """Say what the scan's picks did over the 21 sessions after, against the universe and SPY."""
    return await _answer(service, "scan_backtest", wanted.model_dump(), ScanBacktestAnswer, wait=wait)


def headline(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the strategy's figures over the whole span; none of the scanner's."""
    table = result["windows"][0].get("table") if result["windows"] else None
    return table["strategy"] if table else {}


async def _answer(
    service: Service, kind: str, parameters: Mapping[str, Any], answer: type[Made], *, wait: bool
) -> Made | Response:
    job = await run_in_threadpool(service.start_job, kind, parameters)
    if not wait:
        body = JobAnswer.of_now(job, Data.of_now(service)).model_dump_json()
        location = {"Location": f"/jobs/{job.job_id}"}
        return Response(body, 202, headers=location, media_type="application/json")
    job = await service.finished(job.job_id)
    if job.status is JobStatus.FAILED:
        reason = (job.error.strip().splitlines() or ["no reason given"])[-1]
        raise BacktestFailed(
            f"The backtest failed: {reason}", hint=f"GET /jobs/{job.job_id} has the whole error."
        )
    return answer.model_validate(
        {
            **headline(job.result),
            **job.result,
            "job_id": job.job_id,
            "status": job.status.value,
            "data": Data.of_now(service),
        }
    )
