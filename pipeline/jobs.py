"""Long work in a child process that gives its memory back: one of a kind at a time."""

from __future__ import annotations

import multiprocessing
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from core.errors import EngineError, RequestError
from core.ports import Clock, EventSink
from core.service import Job, JobStatus

Progress = Callable[[float, str], None]
Work = Callable[..., Any]
Finish = Callable[[Any], Mapping[str, Any]]
REMEMBERED_JOBS_MAX = 200


class JobRunner:
    """Starts child processes and follows their progress.

    Each work function takes a `Progress` callback first, then the given arguments; it must be importable
    from a fresh interpreter, and its result must be plain data.
    """

    def __init__(self, clock: Clock, events: EventSink) -> None:
        self._clock = clock
        self._events = events
        self._context = multiprocessing.get_context("spawn")
        self._jobs: dict[str, Job] = {}
        self._ended: dict[str, threading.Event] = {}
        self._children: dict[str, BaseProcess] = {}
        self._lock = threading.Lock()

    def start(self, kind: str, work: Work, arguments: Sequence[Any], finish: Finish) -> Job:
        """Start work unless one of its kind runs.

        Parameters
        ----------
        finish : callable
            Runs in this process on the child's result (saving, promoting); gives the job's JSON answer.

        Raises
        ------
        RequestError
            Status 409 when one of the kind already runs.
        """
        with self._lock:
            running = next(
                (j for j in self._jobs.values() if j.kind == kind and j.status is JobStatus.RUNNING), None
            )
            if running is not None:
                raise RequestError(
                    f"A {kind} job is already running ({running.progress:.0%}).",
                    hint=f"Wait for it: GET /jobs/{running.job_id}.",
                    status=409,
                )
            at = self._clock.now()
            job = Job(
                job_id=f"{kind}-{len(self._jobs) + 1}-{at:%Y%m%dT%H%M%S}",
                kind=kind,
                status=JobStatus.RUNNING,
                started_at=at,
            )
            self._jobs[job.job_id] = job
            self._ended[job.job_id] = threading.Event()
        threading.Thread(
            target=self._follow, args=(job.job_id, work, tuple(arguments), finish), daemon=True, name=job.job_id
        ).start()
        return job

    def get(self, job_id: str) -> Job | None:
        """Give one job."""
        return self._jobs.get(job_id)

    def all(self) -> list[Job]:
        """Give the jobs since the start, newest first."""
        return list(reversed(list(self._jobs.values())))[:REMEMBERED_JOBS_MAX]

    def wait(self, job_id: str, timeout_seconds: float | None = None) -> Job:
        """Block until a job has ended (or the time is over)."""
        self._ended[job_id].wait(timeout_seconds)
        return self._jobs[job_id]

    def stop(self) -> None:
        """End the children: unfinished work is lost, finished work is already saved."""
        for child in list(self._children.values()):
            child.terminate()

    def _follow(self, job_id: str, work: Work, arguments: tuple[Any, ...], finish: Finish) -> None:
        receiving, sending = self._context.Pipe(duplex=False)
        child = self._context.Process(target=_child, args=(sending, work, arguments), daemon=True, name=job_id)
        child.start()
        sending.close()
        self._children[job_id] = child
        try:
            result = self._receive(job_id, receiving)
            self._update(job_id, status=JobStatus.DONE, progress=1.0, result=finish(result))
        except EOFError:
            child.join()
            self._update(
                job_id,
                status=JobStatus.FAILED,
                error=f"The child process died with exit code {child.exitcode}; nothing was changed.",
            )
        except EngineError as error:
            self._update(job_id, status=JobStatus.FAILED, error=str(error))
        except Exception as error:  # noqa: BLE001  # the thread's edge: a fault must end the job, not vanish
            detail = traceback.format_exc(limit=-3)
            self._update(job_id, status=JobStatus.FAILED, error=f"{type(error).__name__}: {error}\n{detail}")
        finally:
            child.join()
            self._children.pop(job_id, None)
            self._ended[job_id].set()

    def _receive(self, job_id: str, receiving: Connection) -> Any:
        while True:
            kind, *content = receiving.recv()
            if kind == "progress":
                self._update(job_id, progress=content[0], message=content[1])
            elif kind == "done":
                return content[0]
            else:
                raise EngineError(content[0])

    def _update(self, job_id: str, **changes: Any) -> None:
        at = self._clock.now()
        if changes.get("status") in (JobStatus.DONE, JobStatus.FAILED):
            changes["finished_at"] = at
        job = replace(self._jobs[job_id], **changes)
        self._jobs[job_id] = job
        self._events.publish("job.progress", at, job_data(job))


def job_data(job: Job) -> Mapping[str, Any]:
    """Describe a job as plain JSON values."""
    return {
        "job_id": job.job_id,
        "kind": job.kind,
        "status": job.status.value,
        "progress": round(job.progress, 4),
        "message": job.message,
        "started_at": job.started_at.isoformat(),
        "finished_at": _iso(job.finished_at),
        "result": dict(job.result),
        "error": job.error,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _child(sending: Connection, work: Work, arguments: tuple[Any, ...]) -> None:
    def progress(fraction: float, message: str) -> None:
        sending.send(("progress", fraction, message))

    try:
        sending.send(("done", work(progress, *arguments)))
    except EngineError as error:
        sending.send(("failed", str(error)))
    except Exception:  # noqa: BLE001  # the process's edge: the parent must learn why
        sending.send(("failed", traceback.format_exc(limit=-5)))
