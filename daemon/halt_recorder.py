"""Writes a person's halt down beside the engine's thread: it waits neither for a step nor for the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from core.types import TradingState
from pipeline.engine import Engine

NAME = "engine-halt"
SECONDS_MAX = 0.8  # a halt is answered within a second, also when the disk does not answer
log = structlog.get_logger("engine")


class HaltRecorder:
    """One thread of its own, for halts only."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=NAME)
        self.before_start: str | None = None  # the reason of a halt that no engine was there to take

    @property
    def state_before_start(self) -> str | None:
        """Return the trading state while there is no engine: halted once a person asked for it, else None."""
        return None if self.before_start is None else TradingState.HALTED.value

    def halt_new_engine(self, engine: Engine) -> None:
        """Halt an engine that was built after the halt was requested, before it can send anything."""
        if self.before_start is not None:
            engine.sending.request_halt()
            engine.record_halt(self.before_start)

    async def halt(self, engine_if_built: Callable[[], Engine | None], reason: str) -> None:
        """Halt the engine and write that down; a write longer than `SECONDS_MAX` goes on by itself.

        While the start has not built the engine yet, the halt is kept until it has.

        Raises
        ------
        core.errors.LedgerError
            It holds in this process, and the next start would not know of it.
        """
        self.before_start = reason if engine_if_built() is None else None
        engine = engine_if_built()  # asked again: it may have been built in between
        if engine is None:
            return
        engine.sending.request_halt()
        writing = asyncio.wrap_future(self._executor.submit(engine.record_halt, reason))
        done, _ = await asyncio.wait((writing,), timeout=SECONDS_MAX)
        if done:
            writing.result()
        else:
            writing.add_done_callback(_log_outcome)
            log.warning("halt.not_written_yet", meaning="it holds now; a restart before it is written forgets it")

    def stop(self) -> None:
        """Begin no other write."""
        self._executor.shutdown(wait=False)


def _log_outcome(writing: asyncio.Future[None]) -> None:
    error = None if writing.cancelled() else writing.exception()
    log.warning("halt.written_late", fault=str(error or ""))
