"""Long jobs over HTTP: started, waited for by default, and answered by a response of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Query, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.openapi import SERVICE_CALL
from api.schemas.base import Data
from api.schemas.daemon import JobAnswer
from core.errors import Recoverable
from core.long_jobs import JobStatus
from core.service import Service

Wait = Annotated[bool, Query(description="Wait for the result; false answers 202 with a job.")]
Made = TypeVar("Made", bound=BaseModel)
STARTED_OR_DONE = {**SERVICE_CALL, 202: {"model": JobAnswer, "description": "Started; it goes on by itself."}}


class JobFailed(Recoverable):
    """The child process failed; nothing was changed."""


async def answer_when_done(
    service: Service,
    kind: str,
    parameters: Mapping[str, Any],
    response: type[Made],
    *,
    wait: bool,
    failed: str,
) -> Made | Response:
    """Start a job of a kind and answer with its result, or at once with 202 and where to look.

    Parameters
    ----------
    failed : str
        What a failure means, in words; the last line of the child's error follows.

    Raises
    ------
    JobFailed
        When the child failed; `/jobs/ID` has the whole error.
    """
    job = await run_in_threadpool(service.start_job, kind, parameters)
    if not wait:
        body = JobAnswer.of(job, data=Data.of_now(service)).model_dump_json()
        location = {"Location": f"/jobs/{job.job_id}"}
        return Response(body, 202, headers=location, media_type="application/json")
    job = await service.finished(job.job_id)
    if job.status is JobStatus.FAILED:
        reason = (job.error.strip().splitlines() or ["no reason given"])[-1]
        raise JobFailed(f"{failed}: {reason}", hint=f"GET /jobs/{job.job_id} has the whole error.")
    about = {"job_id": job.job_id, "status": job.status.value, "data": Data.of_now(service)}
    return response.model_validate({**job.result, **about})
