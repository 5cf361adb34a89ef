"""The one thread that owns the engine: work waits its turn, and none begins once it is stopping."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, TypeVarTuple

import structlog

from core.errors import RequestError

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")
log = structlog.get_logger("engine")
NAME = "engine"
STOP_SECONDS_MAX = 2.0


class EngineThread:
    """Runs work one at a time, in the order it came.

    Attributes
    ----------
    stopping : Event
        Set once no new work begins.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._began: float | None = None
        self._first: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=NAME)

    def submit(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Future[Result]:
        """Queue a call of `work`.

        Raises
        ------
        RequestError
            Status 503, here or in the future, when the thread is stopping.
        """
        try:
            return self._executor.submit(self._run, work, arguments)
        except RuntimeError as error:
            raise _stopping() from error

    def submit_first(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Future[Result]:
        """Queue a call of `work` before all that waits; it runs as soon as the running work has ended.

        Raises
        ------
        RequestError
            Status 503, here or in the future, when the thread is stopping.
        """
        first: Future[Result] = Future()
        self._first.append((first, lambda: self._run(work, arguments)))
        self.submit(lambda: None)  # in case nothing waits that would run it
        return first

    def _run_first(self) -> None:
        while self._first:
            future, work = self._first.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 # the future's owner is told, as with any executor
                    future.set_exception(error)

    def busy_seconds(self) -> float:
        """Return how long the running work has run; 0 when none does."""
        began = self._began
        return time.monotonic() - began if began is not None else 0.0

    async def stop(self, last: Callable[[], None], seconds_max: float = STOP_SECONDS_MAX) -> None:
        """Let the running work finish, refuse what waits, run `last`; give up waiting after `seconds_max`.

        What is given up is recovered at the next start: it was written down before it was sent.
        """
        self.stopping.set()
        ended = self._executor.submit(last)
        self._executor.shutdown(wait=False)
        try:
            await asyncio.wait_for(asyncio.wrap_future(ended), seconds_max)
        except TimeoutError:
            log.warning("stop.step_left_behind", waited_seconds=seconds_max)

    def _run(self, work: Callable[[*Arguments], Result], arguments: tuple[*Arguments]) -> Result:
        self._run_first()
        if self.stopping.is_set():
            raise _stopping()
        self._began = time.monotonic()
        try:
            return work(*arguments)
        finally:
            self._began = None


def _stopping() -> RequestError:
    return RequestError("The engine is stopping: nothing new begins.", hint="Start it again.", status=503)
