"""Tasks that each run in a new process: none knows what another had in its memory."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from core.errors import EngineError, PluginError
from core.plain_words import plain_reason


class ProcessPerTask(Executor):
    """Starts a process for each task, so many at a time.

    The standard library's pool has a bound of tasks a process too, and hangs with it in Python 3.11.
    """

    def __init__(self, jobs: int) -> None:
        self._threads = ThreadPoolExecutor(jobs)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Begin a task as soon as a place is free."""
        return self._threads.submit(_run, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # as the library's
        """Wait for what runs, as the library's executors do."""
        self._threads.shutdown(wait, cancel_futures=cancel_futures)


@contextmanager
def new_processes(jobs: int) -> Iterator[Executor]:
    """Return what runs each task in a process of its own."""
    with ProcessPerTask(jobs) as executor:
        yield executor


def _run(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_child, args=(theirs,), daemon=True)
    child.start()
    theirs.close()
    try:
        ours.send((fn, args, kwargs))
        done, answer = ours.recv()
    except (EOFError, ConnectionError) as error:
        child.join()
        raise PluginError(f"The process of a check ended by itself (exit code {child.exitcode}).") from error
    finally:
        ours.close()
        child.join()
    if not done:
        raise answer
    return answer


def _child(parent: Connection) -> None:
    fn, args, kwargs = parent.recv()
    try:
        parent.send((True, fn(*args, **kwargs)))
    except EngineError as error:
        parent.send((False, PluginError(error.message, hint=error.hint)))
    except Exception as error:  # noqa: BLE001  # the process's edge: the parent must learn why
        parent.send((False, PluginError(f"The check failed ({type(error).__name__}: {plain_reason(error)}).")))
