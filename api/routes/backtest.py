"""Backtests: of the whole pipeline, of the ranker alone, of the scanner."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Response
from pydantic import ConfigDict, Field, StrictBool, StrictInt

from api.dependencies import StartedService, StrictRoute
from api.long_work import STARTED_OR_DONE, Wait, answer_when_done
from api.schemas.backtest import BacktestAnswer, ScanBacktestAnswer
from api.schemas.requests import WHOLE, RequestBody, Seed
from core.text_forms import PROFILE_NAME

BOOKS_MIN, BOOKS_MAX = 200, 10_000
router = APIRouter(tags=["backtest"], route_class=StrictRoute)
FAILED = "The backtest failed"


class SpanRequest(RequestBody):
    """Which sessions, under which settings."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"start": "2024-01-02", "end": "2024-12-31"}]})

    start: dt.date | None = Field(
        None, description="First session; default 2019-01-02, or the earliest the bars allow."
    )
    end: dt.date | None = Field(None, description="Last session; default the last there is.")
    profile: Annotated[str, Field(pattern=PROFILE_NAME)] | None = Field(
        None,
        description="A name in config/profiles (runbook, baseline, diversified) or in user/profiles. "
        "Default: the daemon's.",
    )
    seed: Seed | None = Field(
        None, description="Of the models and of what the report draws; default: the settings'."
    )


class BacktestRequest(SpanRequest):
    """What to run over history."""

    strategy: Literal["pipeline", "quant_v8"] = Field("pipeline", description="`quant_v8` is the ranker alone.")
    books: Annotated[StrictInt, Field(ge=BOOKS_MIN, le=BOOKS_MAX), WHOLE] = Field(
        1000, description="Random books that the result is placed among."
    )
    attribution: StrictBool = Field(
        False, description="Also run again without each agent and each exit rule: about ten runs more."
    )


@router.post("/backtest", responses=STARTED_OR_DONE, response_model=BacktestAnswer)
async def backtest(
    service: StartedService,
    body: Annotated[BacktestRequest, Body(default_factory=BacktestRequest)],
    wait: Wait = True,
) -> BacktestAnswer | Response:
    """Walk the strategy forward over the daemon's own bars in a child process: minutes, rankers included."""
    return await answer_when_done(
        service, "backtest", body.model_dump(), BacktestAnswer, wait=wait, failed=FAILED
    )


@router.post("/scan/backtest", responses=STARTED_OR_DONE, response_model=ScanBacktestAnswer)
async def scan_backtest(
    service: StartedService, body: Annotated[SpanRequest, Body(default_factory=SpanRequest)], wait: Wait = True
) -> ScanBacktestAnswer | Response:
    """Say what the scan's picks did over the 21 sessions after, against the universe and SPY."""
    return await answer_when_done(
        service, "scan_backtest", body.model_dump(), ScanBacktestAnswer, wait=wait, failed=FAILED
    )
