"""Backtests: of the whole pipeline, of the ranker alone, of the scanner."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Response
from pydantic import ConfigDict, Field, StrictBool, StrictInt

from api.dependencies import Engine, StrictRoute
from api.long_work import STARTED_OR_DONE, Wait, answer_when_done
from api.schemas.backtest import BacktestAnswer, ScanBacktestAnswer
from api.schemas.requests import Asked

SEED_MAX = 2**31 - 1
BOOKS_MIN, BOOKS_MAX = 200, 10_000
router = APIRouter(tags=["backtest"], route_class=StrictRoute)
FAILED = "The backtest failed"


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


@router.post("/backtest", responses=STARTED_OR_DONE, response_model=BacktestAnswer)
async def backtest(
    service: Engine,
    wanted: Annotated[BacktestRequest, Body(default_factory=BacktestRequest)],
    wait: Wait = True,
) -> BacktestAnswer | Response:
    """Walk the strategy forward over the daemon's own bars in a child process: minutes, rankers included."""
    return await answer_when_done(
        service, "backtest", wanted.model_dump(), BacktestAnswer, wait=wait, failed=FAILED, lifted=headline
    )


@router.post("/scan/backtest", responses=STARTED_OR_DONE, response_model=ScanBacktestAnswer)
async def scan_backtest(
    service: Engine, wanted: Annotated[SpanRequest, Body(default_factory=SpanRequest)], wait: Wait = True
) -> ScanBacktestAnswer | Response:
    """Say what the scan's picks did over the 21 sessions after, against the universe and SPY."""
    return await answer_when_done(
        service, "scan_backtest", wanted.model_dump(), ScanBacktestAnswer, wait=wait, failed=FAILED
    )


def headline(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give the strategy's figures over the whole span; none of the scanner's."""
    table = result["windows"][0].get("table") if result["windows"] else None
    return table["strategy"] if table else {}
