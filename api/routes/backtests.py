"""Backtests that were run and kept: the list, and each one whole."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import Field

from api.dependencies import Limit
from api.openapi import problems
from api.schemas.base import ResponseSchema
from core.backtest_runs import BacktestRuns, NoRuns
from core.errors import RequestError

JSON: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "The run."}
}
PAGE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The run as one page."}
}
router = APIRouter(tags=["backtest"])


class RunAnswer(ResponseSchema):
    """One kept run in a line."""

    name: str = Field(description="For `GET /backtests/NAME`.")
    ended_at: datetime
    strategy: str
    profile: str
    source: str
    seed: int
    first: str
    last: str
    config_digest: str
    verdict: str = Field(description="What the figures show, and what they do not.")
    figures: dict[str, Any] = Field(description="Of the strategy over the whole span.")
    pinned: bool = Field(description="Whether it is kept however many runs follow.")


class RunsAnswer(ResponseSchema):
    """Kept runs, newest first."""

    runs: list[RunAnswer]
    kept_max: int | None = Field(description="How many that are not pinned are kept; the oldest go first.")


class PinAnswer(ResponseSchema):
    """Whether a run is kept however many follow."""

    name: str
    pinned: bool


async def _runs(request: Request) -> BacktestRuns:
    return getattr(request.app.state, "backtest_runs", NoRuns())


Runs = Annotated[BacktestRuns, Depends(_runs)]
Name = Annotated[str, Path(max_length=200, description="Of a run, as the list has it.")]


@router.get("/backtests", responses=problems(422))
def backtests(runs: Runs, limit: Limit = 50) -> RunsAnswer:
    """List the backtests that were run and kept, newest first."""
    return RunsAnswer.model_validate({"runs": runs.newest(limit), "kept_max": runs.kept_max})


@router.get("/backtests/{name}", response_class=Response, responses={**JSON, **problems(404, 422)})
def backtest_run(runs: Runs, name: Name) -> Response:
    """Give one run whole: verdict, figures, curves, the random books' fan, drawdowns, trades and settings."""
    return Response(_found(runs.run(name), name), media_type="application/json")


@router.get("/backtests/{name}/report.html", response_class=Response, responses={**PAGE, **problems(404, 422)})
def backtest_page(runs: Runs, name: Name) -> Response:
    """Give one run as a page to keep, without outside files."""
    headers = {"content-disposition": f'attachment; filename="{name}.html"'}
    _found(runs.run(name), name)
    page = runs.page(name)
    if page is None:
        hint = "Run it again with --html; the daemon's own backtests have one."
        raise RequestError(f"{name} was kept without a page.", hint=hint, status=404)
    return Response(page, media_type="text/html", headers=headers)


@router.post("/backtests/{name}/pin", responses=problems(404, 422))
def pin_backtest(runs: Runs, name: Name) -> PinAnswer:
    """Keep a run however many follow it."""
    return _pinned(name, pinned=True, known=runs.pin(name))


@router.post("/backtests/{name}/unpin", responses=problems(404, 422))
def unpin_backtest(runs: Runs, name: Name) -> PinAnswer:
    """Let a run be deleted in its turn, once `backtest.kept_max` newer ones are kept."""
    return _pinned(name, pinned=False, known=runs.unpin(name))


def _pinned(name: str, *, pinned: bool, known: bool) -> PinAnswer:
    if not known:
        raise _missing(name)
    return PinAnswer(name=name, pinned=pinned)


def _found(content: bytes | None, name: str) -> bytes:
    if content is None:
        raise _missing(name)
    return content


def _missing(name: str) -> RequestError:
    return RequestError(f"There is no backtest {name}.", hint="GET /backtests lists them.", status=404)
