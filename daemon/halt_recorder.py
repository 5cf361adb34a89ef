"""Writes a person's halt down beside the engine's thread: it waits neither for a step nor for the queue."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import structlog

from pipeline.engine import Engine

NAME = "engine-halt"
SECONDS_MAX = 0.8  # a halt is answered within a second, also when the disk does not answer
log = structlog.get_logger("engine")


class HaltRecorder:
    """One thread of its own, for halts only."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=NAME)

    async def record(self, engine: Engine, reason: str) -> None:
        """Write a requested halt down; one that takes longer than `SECONDS_MAX` goes on by itself.

        Raises
        ------
        core.errors.LedgerError
            It holds in this process, and the next start would not know of it.
        """
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
