"""The one thread that owns the engine: asks wait their turn, and none begins once it is stopping."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import structlog

from core.errors import RequestError

Result = TypeVar("Result")
log = structlog.get_logger("engine")
NAME = "engine"


class EngineThread:
    """Runs work one at a time, in the order it came.

    Attributes
    ----------
    stopping : Event
        Set once no new work begins.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=NAME)

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Queue work.

        Raises
        ------
        RequestError
            Status 503, here or in the future, when the thread is stopping.
        """

        def turn() -> Result:
            if self.stopping.is_set():
                raise _stopping()
            return work()

        try:
            return self._executor.submit(turn)
        except RuntimeError as error:
            raise _stopping() from error

    async def ask(self, work: Callable[[], Result]) -> Result:
        """Wait for work's result without blocking the event loop."""
        return await asyncio.wrap_future(self.submit(work))

    async def stop(self, last: Callable[[], None], seconds_max: float) -> None:
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


def _stopping() -> RequestError:
    return RequestError("The engine is stopping: nothing new begins.", hint="Start it again.", status=503)
