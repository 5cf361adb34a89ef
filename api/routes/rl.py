"""The RL ensemble: its predictions and its training."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Response
from pydantic import ConfigDict, Field, StrictInt

from api.dependencies import StartedService, StrictRoute, WaitingService
from api.long_work import STARTED_OR_DONE, Wait, answer_when_done
from api.openapi import SERVICE_CALL
from api.schemas.requests import WHOLE, RequestBody, Seed, Tickers
from api.schemas.rl import PredictAnswer, TrainAnswer
from core.cycles import PREDICT

TIMESTEPS_MIN, TIMESTEPS_MAX = 1_000, 5_000_000
router = APIRouter(tags=["rl"], route_class=StrictRoute)


class PredictRequest(RequestBody):
    """Which tickers to ask the ensemble about."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"tickers": ["NVDA", "AAPL"]}]})

    tickers: Tickers | None = Field(None, description="Default: the whole watchlist.")


class TrainRequest(RequestBody):
    """What to train, on what, for how long."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{}, {"tickers": ["NVDA", "AAPL"], "timesteps": 50_000}]}
    )

    tickers: Tickers | None = Field(None, description="Default: those that recent scans picked most.")
    timesteps: Annotated[StrictInt, Field(ge=TIMESTEPS_MIN, le=TIMESTEPS_MAX), WHOLE] | None = Field(
        None, description="Steps a member and seed; default: rl.timesteps."
    )
    algorithms: Annotated[list[Literal["ppo", "a2c", "ddpg"]], Field(min_length=1, max_length=3)] | None = Field(
        None, description="Which members; default: ensemble.models."
    )
    seed: Seed | None = Field(None, description="Default: rl.seed.")


@router.post("/predict", responses=SERVICE_CALL)
async def predict(
    service: WaitingService, body: Annotated[PredictRequest, Body(default_factory=PredictRequest)]
) -> PredictAnswer:
    """Ask the ensemble for each member's action, its weight, and the vote."""
    return PredictAnswer.of_analysis(await service.analyse(replace(PREDICT, symbols=tuple(body.tickers or ()))))


@router.post("/train", responses=STARTED_OR_DONE, response_model=TrainAnswer)
async def train(
    service: StartedService,
    body: Annotated[TrainRequest, Body(default_factory=TrainRequest)],
    wait: Wait = True,
) -> TrainAnswer | Response:
    """Train the ensemble in a child process; a client that hangs up does not stop it."""
    failed = "The training failed and the current members stay"
    return await answer_when_done(service, "train", body.model_dump(), TrainAnswer, wait=wait, failed=failed)
