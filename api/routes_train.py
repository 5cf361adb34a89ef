"""Training, and the long jobs: started, followed, waited for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.answers import Data
from api.answers_daemon import JobAnswer, JobsAnswer, RetrainAnswer
from api.dependencies import Engine, Nothing, StrictRoute
from api.openapi import ASKING, problems
from api.requests import IDENTIFIER
from core.errors import Recoverable, RequestError
from core.service import JobStatus

router = APIRouter(tags=["training"], route_class=StrictRoute)


class RetrainFailed(Recoverable):
    """The child process failed; the current model stays."""


RETRAIN_RESPONSES = {**ASKING, 202: {"model": JobAnswer, "description": "Started; it goes on by itself."}}


@router.post("/quant/retrain", responses=RETRAIN_RESPONSES, response_model=RetrainAnswer)
async def retrain(
    service: Engine,
    _: Nothing,
    wait: Annotated[bool, Query(description="Wait for the result; false answers 202 with a job.")] = True,
) -> RetrainAnswer | Response:
    """Train the ranker on 18 months in a child process; a client that hangs up does not stop it."""
    job = service.start_job("quant_retrain", {})
    if not wait:
        body = JobAnswer.of_now(job, Data.of_now(service)).model_dump_json()
        location = {"Location": f"/jobs/{job.job_id}"}
        return Response(body, 202, headers=location, media_type="application/json")
    job = await service.finished(job.job_id)
    if job.status is JobStatus.FAILED:
        reason = (job.error.strip().splitlines() or ["no reason given"])[-1]
        raise RetrainFailed(
            f"The retrain failed and the current model stays: {reason}",
            hint=f"GET /jobs/{job.job_id} has the whole error.",
        )
    return RetrainAnswer.model_validate(
        {**job.result, "job_id": job.job_id, "status": job.status.value, "data": Data.of_now(service)}
    )


@router.get("/jobs")
async def jobs(service: Engine) -> JobsAnswer:
    """List long jobs since the start, newest first."""
    return JobsAnswer.of(service.jobs(), Data.of_now(service))


@router.get("/jobs/{job_id}", responses=problems(404, 422))
async def job(service: Engine, job_id: Annotated[str, Path(pattern=IDENTIFIER)]) -> JobAnswer:
    """Give one job's progress or result."""
    found = service.job(job_id)
    if found is None:
        raise RequestError(f"There is no job {job_id}.", hint="GET /jobs lists them.", status=404)
    return JobAnswer.of_now(found, Data.of_now(service))
