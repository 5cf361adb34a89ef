"""A settlement soon after the broker's stream reported something, instead of at the next job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

from core.cycles import SETTLE
from core.errors import EngineError, RequestError
from daemon.engine_thread import EngineThread
from pipeline.engine import Engine
from pipeline.fault_policy import halting_on_fatal_faults

log = structlog.get_logger("engine")


class SettleTrigger:
    """Queues one settlement at a time on the engine's thread; may be called from any thread.

    Parameters
    ----------
    ready_engine : callable
        Returns the engine once it has recovered; None before.
    """

    def __init__(self, thread: EngineThread, ready_engine: Callable[[], Engine | None]) -> None:
        self._thread = thread
        self._ready_engine = ready_engine
        self._queued = threading.Event()

    def __call__(self) -> None:
        """Request a settlement, unless one waits already."""
        if not self._queued.is_set():
            self._queued.set()
            with suppress(RequestError):  # the thread is stopping: the next start settles
                self._thread.submit(self._settle)

    def _settle(self) -> None:
        """Settle; a fault is not counted: the jobs' own steps meet it too, at their own pace."""
        self._queued.clear()
        engine = self._ready_engine()
        if engine is None:
            return
        try:
            with halting_on_fatal_faults(engine):
                engine.step(SETTLE)
        except EngineError as error:
            log.warning("wake.failed", reason=str(error))
