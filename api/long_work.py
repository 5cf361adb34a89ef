"""Long jobs over HTTP: started, waited for by default, and answered by a response of their own.

The answer of a job that takes longer than a moment begins at once, with a line that says where to look.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Query, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from api.openapi import SERVICE_CALL
from api.schemas.base import Data
from api.schemas.daemon import JobAnswer
from core.errors import Recoverable
from core.long_jobs import Job, JobStatus
from core.service import Service

Wait = Annotated[bool, Query(description="Wait for the result; false answers 202 with a job.")]
Made = TypeVar("Made", bound=BaseModel)
STARTED_OR_DONE = {**SERVICE_CALL, 202: {"model": JobAnswer, "description": "Started; it goes on by itself."}}


QUIET_SECONDS_MAX = 3.0  # what fails sooner is still answered as a problem
HINT = (
    "It goes on by itself, for minutes: trading-engine jobs {job_id} (GET /jobs/{job_id}) shows its progress. "
    "With ?wait=false the call answers at once."
)


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
        When the child failed within a moment; `/jobs/ID` has the whole error.
    """
    job = await run_in_threadpool(service.start_job, kind, parameters)
    if not wait:
        body = JobAnswer.of(job, data=Data.of_now(service)).model_dump_json()
        location = {"Location": f"/jobs/{job.job_id}"}
        return Response(body, 202, headers=location, media_type="application/json")
    finishing = asyncio.ensure_future(_answer(service, job.job_id, response, failed))
    await asyncio.wait({finishing}, timeout=QUIET_SECONDS_MAX)
    return await finishing if finishing.done() else LongAnswer(job.job_id, finishing)


class LongAnswer(Response):
    """An answer whose first line, with where to look, is sent before the rest is known; both are one JSON.

    The status is sent with the first line, so a failure after it cannot be one: its text is sent, and the
    connection is cut before the answer's end, which every client reports. Nobody takes it for a success.

    Parameters
    ----------
    finishing : awaitable of BaseModel
        The rest; raises JobFailed.
    """

    media_type = "application/json"

    def __init__(self, job_id: str, finishing: Awaitable[BaseModel]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._job_id = job_id
        self._finishing = finishing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the line, wait, send the rest."""
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        head = json.dumps({"job_id": self._job_id, "hint": HINT.format(job_id=self._job_id)})
        await send(_part(f"{head[:-1]},\n", more=True))
        try:
            answer = await self._finishing
        except JobFailed as error:
            told = json.dumps({"status": JobStatus.FAILED, "detail": error.message})
            await send(_part(f"{told[1:]}\n", more=True))
            return
        await send(_part(answer.model_dump_json(exclude={"job_id", "hint"})[1:], more=False))


def _part(text: str, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": text.encode(), "more_body": more}


async def _answer(service: Service, job_id: str, response: type[Made], failed: str) -> Made:
    job: Job = await service.finished(job_id)
    if job.status is JobStatus.FAILED:
        reason = (job.error.strip().splitlines() or ["no reason given"])[-1]
        raise JobFailed(f"{failed}: {reason}", hint=f"GET /jobs/{job_id} has the whole error.")
    about = {
        "job_id": job_id, "hint": HINT.format(job_id=job_id), "status": job.status.value,
        "data": Data.of_now(service),
    }  # fmt: skip
    return response.model_validate({**job.result, **about})
