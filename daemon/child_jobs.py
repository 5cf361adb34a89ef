"""Long work in a child process that gives its memory back: one of a kind at a time."""

from __future__ import annotations

import atexit
import itertools
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TextIO, cast

import structlog

from core.errors import EngineError, RequestError
from core.long_jobs import Job, JobStatus
from core.plain_words import plain_reason
from core.ports import Clock, EventSink
from daemon.log_stream import LogStream
from daemon.process_memory import release_memory

ReportProgress = Callable[[float, str], None]
Work = Callable[..., Any]
Finish = Callable[[Any], Mapping[str, Any]]
FinishOn = Callable[[Callable[[], Mapping[str, Any]]], Mapping[str, Any]]
REMEMBERED_JOBS_MAX = 200
CHILD_NICENESS = 10
log = structlog.get_logger("jobs")


class JobRunner:
    """Starts child processes and follows their progress.

    Each work function takes a `ReportProgress` callback first, then the given arguments; it must be importable
    from a fresh interpreter, and its result must be plain data.

    Parameters
    ----------
    finish_on : callable
        Runs the finishing of a job and returns its answer: on the engine's thread, so that no step sees a model
        change under it.
    """

    def __init__(self, clock: Clock, events: EventSink, finish_on: FinishOn = lambda finish: finish()) -> None:
        self._clock = clock
        self._events = events
        self._finish_on = finish_on
        self._context = multiprocessing.get_context("spawn")
        self._jobs: dict[str, Job] = {}
        self._ended: dict[str, threading.Event] = {}
        self._children: dict[str, BaseProcess] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._stopping = False
        atexit.register(self.stop)  # runs before multiprocessing waits for children that are not daemonic

    def start(self, kind: str, work: Work, arguments: Sequence[Any], finish: Finish) -> Job:
        """Start work unless one of its kind runs.

        Parameters
        ----------
        finish : callable
            Runs in this process on the child's result (saving, promoting); gives the job's JSON answer.

        Raises
        ------
        RequestError
            Status 409 when one of the kind already runs, 503 when the daemon is stopping.
        """
        with self._lock:
            if self._stopping:
                raise RequestError(f"The daemon is stopping: no {kind} begins.", status=503)
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
                job_id=f"{kind}-{next(self._numbers)}-{at:%Y%m%dT%H%M%S}",
                kind=kind,
                status=JobStatus.RUNNING,
                started_at=at,
            )
            self._jobs[job.job_id] = job
            self._ended[job.job_id] = threading.Event()
            self._forget_old()
        threading.Thread(
            target=self._run, args=(job.job_id, work, tuple(arguments), finish), daemon=True, name=job.job_id
        ).start()
        return job

    def get(self, job_id: str) -> Job | None:
        """Return one job."""
        return self._jobs.get(job_id)

    def all(self) -> list[Job]:
        """Return the jobs since the start, newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def wait(self, job_id: str, timeout_seconds: float | None = None) -> Job:
        """Block until a job has ended (or the time is over)."""
        self._ended[job_id].wait(timeout_seconds)
        return self._jobs[job_id]

    def stop(self) -> None:
        """End the children and begin no other: unfinished work is lost, finished work is already saved."""
        atexit.unregister(self.stop)
        with self._lock:
            self._stopping = True
        for child in list(self._children.values()):
            if child.pid is not None:
                child.terminate()

    def _forget_old(self) -> None:
        ended = [j.job_id for j in self._jobs.values() if j.status is not JobStatus.RUNNING]
        for job_id in ended[: max(0, len(self._jobs) - REMEMBERED_JOBS_MAX)]:
            del self._jobs[job_id], self._ended[job_id]

    def _run(self, job_id: str, work: Work, arguments: tuple[Any, ...], finish: Finish) -> None:
        self._follow(job_id, work, arguments, finish)
        del arguments, finish
        release_memory()
        self._ended[job_id].set()

    def _follow(self, job_id: str, work: Work, arguments: tuple[Any, ...], finish: Finish) -> None:
        ours, theirs = self._context.Pipe()
        # not daemonic: a training has a pool of its own, and a daemonic process may have no children
        child = self._context.Process(target=_child, args=(theirs,), daemon=False, name=job_id)
        self._children[job_id] = child
        try:
            child.start()
            theirs.close()
            if self._stopping:
                child.terminate()
            ours.send((work, arguments))  # not with the start: a child must be there to be ended meanwhile
            result = self._receive(job_id, ours)
            answer = self._finish_on(lambda: finish(result))
            self._update(job_id, status=JobStatus.DONE, progress=1.0, result=answer)
        except (EOFError, ConnectionError):
            child.join()
            why = "was ended: the daemon stops" if self._stopping else f"died with exit code {child.exitcode}"
            self._update(job_id, status=JobStatus.FAILED, error=f"The child process {why}; nothing was changed.")
        except EngineError as error:
            self._update(job_id, status=JobStatus.FAILED, error=str(error))
        except Exception as error:  # the thread's edge: a fault must end the job, not vanish
            log.exception("job.bug", job_id=job_id)
            self._update(job_id, status=JobStatus.FAILED, error=_bug(error))
        finally:
            ours.close()
            if child.pid is not None:
                child.join()
            self._children.pop(job_id, None)

    def _receive(self, job_id: str, child: Connection) -> Any:
        while True:
            kind, *content = child.recv()
            if kind == "progress":
                self._update(job_id, progress=content[0], message=content[1])
            elif kind == "done":
                return content[0]
            elif kind == "bug":
                log.error("job.bug", job_id=job_id, traceback=content[1])
                raise EngineError(content[0])
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


def _bug(error: Exception) -> str:
    """Say what a fault of the program's own means; its traceback is the log's."""
    return (
        f"A fault of the program's own ended it ({type(error).__name__}: {plain_reason(error)}). Nothing was "
        "changed and trading goes on. The log has the traceback; please report it."
    )


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _child(parent: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its children
    if hasattr(os, "nice"):
        os.nice(CHILD_NICENESS)  # the engine and the event loop come first
    sys.stdout = sys.stderr = cast(TextIO, LogStream(sys.stderr))  # a lost log costs no work

    def progress(fraction: float, message: str) -> None:
        parent.send(("progress", fraction, message))

    try:
        work, arguments = parent.recv()
        parent.send(("done", work(progress, *arguments)))
    except EngineError as error:
        parent.send(("failed", str(error)))
    except (EOFError, ConnectionError):
        return  # the parent is gone: nobody is left to report to
    except Exception as error:  # noqa: BLE001  # the process's edge: the parent must learn why
        parent.send(("bug", _bug(error), traceback.format_exc(limit=-5)))
