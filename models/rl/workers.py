"""Trainings side by side, each in a process of its own, one after the other where there are more."""

from __future__ import annotations

import os
import pickle  # our own children's pipes: nobody else writes to them
import queue
import subprocess  # a daemonic multiprocessing child may not have multiprocessing children
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.errors import EngineError
from models.rl.tasks import Trained, TrainingTask

ROOT = Path(__file__).parents[2]
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
OnTaskProgress = Callable[[int, float], None]


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
        Told (index of the task, fraction done), from this thread.

    Raises
    ------
    EngineError
        When a training failed; the others are ended.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(tasks)):
        waiting.put(index)
    told: queue.SimpleQueue[tuple[int, str, Any]] = queue.SimpleQueue()
    processes = [_start(tasks[0].settings.threads) for _ in range(min(workers, len(tasks)))]
    try:
        for process in processes:
            threading.Thread(target=_feed, args=(process, tasks, waiting, told), daemon=True).start()
        return _collect(len(tasks), told, on_progress)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                _close(pipe)


def _start(threads: int) -> subprocess.Popen[bytes]:
    variables = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, "-m", "models.rl.worker"]
    return subprocess.Popen(command, cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _feed(
    process: subprocess.Popen[bytes],
    tasks: Sequence[TrainingTask],
    waiting: queue.SimpleQueue[int],
    told: queue.SimpleQueue[tuple[int, str, Any]],
) -> None:
    assert process.stdin is not None  # noqa: S101  # both are pipes
    assert process.stdout is not None  # noqa: S101
    index = -1
    try:
        while True:
            index = waiting.get_nowait()
            pickle.dump(tasks[index], process.stdin)
            process.stdin.flush()
            kind, content = "progress", 0.0
            while kind == "progress":
                told.put((index, kind, content))
                kind, content = pickle.load(process.stdout)  # noqa: S301  # our own child's pipe
            told.put((index, kind, content))
    except queue.Empty:
        return
    except (EOFError, OSError, ValueError, pickle.UnpicklingError):
        told.put((index, "failed", "A training process died."))


def _collect(
    count: int, told: queue.SimpleQueue[tuple[int, str, Any]], on_progress: OnTaskProgress
) -> list[Trained]:
    results: dict[int, Trained] = {}
    while len(results) < count:
        index, kind, content = told.get()
        if kind == "failed":
            raise EngineError(f"The training failed: {content}", hint="Nothing was changed.")
        if kind == "done":
            results[index] = content
        on_progress(index, 1.0 if kind == "done" else content)
    return [results[index] for index in range(count)]


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:
        return  # what was left in the buffer had nobody to read it
