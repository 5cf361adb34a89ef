"""Training, and the long jobs: started, followed, waited for."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response

from api.dependencies import Nothing, ServiceDependency, StartedService, StrictRoute
from api.long_work import STARTED_OR_DONE, Wait, answer_when_done
from api.openapi import problems
from api.schemas.base import Data
from api.schemas.daemon import JobAnswer, JobsAnswer, RetrainAnswer, RollbackAnswer
from api.schemas.requests import RollbackRequest
from core.errors import RequestError
from core.text_forms import IDENTIFIER

router = APIRouter(tags=["training"], route_class=StrictRoute)


@router.post("/quant/retrain", responses=STARTED_OR_DONE, response_model=RetrainAnswer)
async def retrain(service: StartedService, _: Nothing, wait: Wait = True) -> RetrainAnswer | Response:
    """Train the ranker on 18 months in a child process; a client that hangs up does not stop it."""
    failed = "The retrain failed and the current model stays"
    return await answer_when_done(service, "quant_retrain", {}, RetrainAnswer, wait=wait, failed=failed)


@router.post("/quant/rollback", responses=problems(409, 422, 503))
async def rollback(
    service: StartedService, body: Annotated[RollbackRequest, Body(default_factory=RollbackRequest)]
) -> RollbackAnswer:
    """Put a kept ranker back in use, by default the one before the one in use; the next step ranks with it."""
    return RollbackAnswer(**await service.rollback(body.model_id or ""), data=Data.of_now(service))


@router.get("/jobs")
async def jobs(service: ServiceDependency) -> JobsAnswer:
    """List what runs by itself with its last and next run, and long jobs since the start, newest first."""
    return JobsAnswer.model_validate(
        {"scheduler": service.timetable(), "jobs": service.jobs(), "data": Data.of_now(service)}
    )


@router.get("/jobs/{job_id}", responses=problems(404, 422))
async def job(service: ServiceDependency, job_id: Annotated[str, Path(pattern=IDENTIFIER)]) -> JobAnswer:
    """Give one job's progress or result."""
    found = service.job(job_id)
    if found is None:
        raise RequestError(f"There is no job {job_id}.", hint="GET /jobs lists them.", status=404)
    return JobAnswer.of(found, data=Data.of_now(service))
