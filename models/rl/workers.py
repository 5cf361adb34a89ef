"""Trainings side by side in a pool of processes, which give their memory back and end with who started them."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from contextvars import ContextVar
from multiprocessing import active_children, get_context, parent_process
from typing import TYPE_CHECKING

from core.errors import EngineError
from models.rl.tasks import Trained, TrainingTask

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    ProgressQueue = Queue[tuple[int, float]]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
POLL_SECONDS = 0.2
OnTaskProgress = Callable[[int, float], None]
_progress: ContextVar[ProgressQueue] = ContextVar("progress")


def cores() -> int:
    """Count the cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def train_side_by_side(tasks: Sequence[TrainingTask], workers: int, on_progress: OnTaskProgress) -> list[Trained]:
    """Train every task; the results are in the tasks' order.

    Parameters
    ----------
    workers : int
        How many processes at once.
    on_progress : callable
        Given (index of the task, fraction done), from this thread.

    Raises
    ------
    EngineError
        When a training failed; the others are ended.
    """
    context = get_context("spawn")
    progress: ProgressQueue = context.Queue()
    others = set(active_children())
    pool = ProcessPoolExecutor(
        min(workers, len(tasks)), mp_context=context, initializer=_start_worker, initargs=(progress,)
    )
    try:
        with _thread_variables(tasks[0].settings.threads):
            futures = [pool.submit(_train, index, task) for index, task in enumerate(tasks)]
        return _collect(futures, progress, on_progress)
    finally:
        own = set(active_children()) - others
        pool.shutdown(wait=False, cancel_futures=True)
        for process in own:
            process.kill()  # a training that nobody waits for any more would go on for hours
        for process in own:
            process.join()
        progress.close()


@contextmanager
def _thread_variables(threads: int) -> Iterator[None]:
    """Set the number of threads that processes started meanwhile begin with: libraries read it at import."""
    wanted = {**dict.fromkeys(THREAD_VARIABLES, str(threads)), "OMP_WAIT_POLICY": "PASSIVE"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _collect(
    futures: Sequence[Future[Trained]], progress: ProgressQueue, on_progress: OnTaskProgress
) -> list[Trained]:
    done: set[int] = set()
    while len(done) < len(futures):
        for future in futures:
            if future.done():
                _result(future)  # raises at the first failure, while others still train
        try:
            index, fraction = progress.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        on_progress(index, fraction)
        if fraction >= 1.0:
            done.add(index)
    return [_result(future) for future in futures]


def _result(future: Future[Trained]) -> Trained:
    try:
        return future.result()
    except Exception as error:  # the pool's edge: whatever the process raised must be readable in the job
        raise EngineError(f"The training failed: {_cause(error)}", hint="Nothing was changed.") from error


def _cause(error: Exception) -> str:
    if isinstance(error, BrokenProcessPool):
        return "A training process died."
    return str(error) if isinstance(error, EngineError) else f"{type(error).__name__}: {error}"


def _start_worker(progress: ProgressQueue) -> None:
    _progress.set(progress)
    threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()


def _end_with_parent() -> None:
    """End at once when the parent is gone, killed or not: the pool alone would train on, then wait for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _train(index: int, task: TrainingTask) -> Trained:
    from models.rl.training import train_member  # noqa: PLC0415  # heavy: torch, in the workers only

    progress = _progress.get()
    trained = train_member(task, lambda fraction: progress.put((index, fraction)))
    progress.put((index, 1.0))
    return trained
