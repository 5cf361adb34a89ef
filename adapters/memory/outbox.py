"""The outbox: a thread that carries ledger rows to a store, from its own place on, as far and as often as it can.

The engine only leaves word that there is something new. Whatever the store does, nothing waits for it and
nothing is lost: the ledger has the rows, the store knows its place. While a step runs the thread yields.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress

import structlog

from adapters.memory.journal import Journal, steps_after, trading_steps_after
from adapters.memory.projection import project
from adapters.memory.records import Page
from adapters.memory.round_trips import PositionTracker
from adapters.memory.step_gate import GatedSelector, YieldGate
from adapters.memory.store import GraphStore
from config.memory import MemorySettings
from core.errors import EngineError, RecallError
from core.memory import Fact
from core.plain_words import plain_reason

RETRY_SECONDS_FIRST, RETRY_SECONDS_MAX = 1.0, 60.0
CHECK_SECONDS = 15.0
STOP_SECONDS_MAX = 1.0
FOLLOW_STEPS_MAX = 25
NOT_YET = "it has not answered yet"
log = structlog.get_logger("memory")


class Outbox:
    """Carries the ledger to one store.

    Parameters
    ----------
    gate : YieldGate
        Shut while the engine steps.
    sector_of : mapping of str to str
        Each stock's sector.

    Attributes
    ----------
    fault : str
        Why the store does not follow; empty while it does.
    written : int
        The last step that the store has.
    """

    def __init__(
        self,
        journal: Journal,
        store: GraphStore,
        settings: MemorySettings,
        gate: YieldGate,
        sector_of: Mapping[str, str],
    ) -> None:
        self._sector_of = sector_of
        self.store = store
        self.fault = NOT_YET
        self.written = 0
        self._journal = journal
        self._settings = settings
        self._news = False
        self._loop = asyncio.SelectorEventLoop(GatedSelector(gate))
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name=f"memory-{store.name}", daemon=True)

    def start(self) -> None:
        """Begin to follow the ledger."""
        self._thread.start()

    def follow(self) -> None:
        """Leave word that the ledger has something new; never blocks, never raises."""
        self._news = True

    async def facts(self, symbol: str, limit: int) -> tuple[Fact, ...]:
        """Ask the store, from any event loop.

        Raises
        ------
        core.errors.RecallError
            When the store cannot answer.
        """
        if self.fault:
            raise RecallError(self.fault)
        answer: Future[tuple[Fact, ...]] = asyncio.run_coroutine_threadsafe(
            self.store.facts(symbol, limit), self._loop
        )
        return await asyncio.wrap_future(answer)

    def begin_stop(self) -> None:
        """Ask the thread to end; what is not written yet is written after the next start."""
        if self._task is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._task.cancel)

    def wait_stopped(self) -> None:
        """Wait a little for the thread's end."""
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS_MAX)

    def _run(self) -> None:
        self._task = self._loop.create_task(self._follow_for_ever())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            log.info("memory.stopped", store=self.store.name, written=self.written)
        finally:
            self._loop.close()

    async def _follow_for_ever(self) -> None:
        wait_seconds = RETRY_SECONDS_FIRST
        while True:
            try:
                await self._follow()
            except EngineError as error:
                if self.fault in ("", NOT_YET):
                    wait_seconds = RETRY_SECONDS_FIRST
                self._degrade(str(error))
            except Exception as error:  # the thread's edge: a bug in it must be reported, and stop nothing else
                log.exception("memory.failed", store=self.store.name)
                self._degrade(f"It failed unexpectedly: {plain_reason(error)}")
            finally:
                await self.store.close()
            await asyncio.sleep(wait_seconds)
            wait_seconds = min(2 * wait_seconds, RETRY_SECONDS_MAX)

    def _degrade(self, reason: str) -> None:
        if reason != self.fault:
            log.warning("memory.behind", store=self.store.name, reason=reason, written=self.written)
        self.fault = reason

    async def _follow(self) -> None:
        """Catch up, then write what comes, until something fails."""
        ledger = await self._first_step()
        self.written = await self.store.open(ledger)
        tracker = PositionTracker(self._sector_of)
        read = replayed(self._journal, tracker, self.written, self._settings.page_steps)
        if read != self.written:
            raise RecallError(
                f"The graph at {self.store.place} is at step {self.written} and the ledger ends at step {read}.",
                hint="An older ledger was put back: python -m daemon.wiring.memory_cli rebuild",
            )
        while True:
            await self._write_all(tracker)
            if self.fault:
                log.info("memory.follows", store=self.store.name, place=self.store.place, written=self.written)
            self.fault = ""
            await self._wait()

    async def _write_all(self, tracker: PositionTracker) -> None:
        at_once = min(self._settings.page_steps, FOLLOW_STEPS_MAX)  # small: a step may begin at any moment
        while steps := steps_after(self._journal, self.written, at_once):
            page = project(steps, tracker)
            await self.store.write(page, self.written)
            self.written = page.until

    async def _first_step(self) -> str:
        """Return the ledger's first decision; wait for it in a new ledger."""
        while not (first := steps_after(self._journal, 0, 1)):
            await asyncio.sleep(self._settings.look_seconds)
        return first[0][1].decision_id

    async def _wait(self) -> None:
        """Wait for news, but not for ever: look whether the store is still what was written to it."""
        until = self._loop.time() + CHECK_SECONDS
        while not self._news and self._loop.time() < until:
            await asyncio.sleep(self._settings.look_seconds)
        if not self._news and await self.store.place_in_ledger() != self.written:
            raise RecallError(f"The graph at {self.store.place} is not what was written to it any more.")
        self._news = False


def replayed(journal: Journal, tracker: PositionTracker, until: int, page_steps: int) -> int:
    """Replay the steps up to a place that is written already; return the last place found."""
    read = 0
    while steps := trading_steps_after(journal, read, page_steps):
        for place, report in steps:
            if place <= until:
                tracker.take(report)
        read = steps[-1][0]
        if read >= until:
            break
    return min(until, journal.last_step())


RebuildProgress = Callable[[int], None]


async def rebuild(
    journal: Journal,
    store: GraphStore,
    settings: MemorySettings,
    sector_of: Mapping[str, str],
    progress: RebuildProgress,
) -> int:
    """Write a store anew from the ledger, after forgetting what we wrote to it; return the rows written.

    The next page is made ready while the store writes one.

    Parameters
    ----------
    progress : callable
        Called with the place reached in the ledger, page by page.
    """
    first = steps_after(journal, 0, 1)
    if not first:
        return 0
    tracker, written, rows = PositionTracker(sector_of), 0, 0

    def ready(place: int) -> asyncio.Task[Page]:
        reading = asyncio.to_thread(lambda: project(steps_after(journal, place, settings.page_steps), tracker))
        return asyncio.create_task(reading)

    await store.wipe()
    await store.open(first[0][1].decision_id)
    ahead = ready(0)
    try:
        while (page := await ahead).rows:
            ahead = ready(page.until)
            await store.write(page, written)
            written, rows = page.until, rows + page.rows
            progress(written)
    finally:
        await asyncio.wait([ahead])
    return rows
