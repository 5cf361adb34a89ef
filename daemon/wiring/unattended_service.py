"""What the daemon does beyond its service: jobs that run by themselves, the ranker under watch, the memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.memory import Recollection
from core.ports import EventSink
from core.schedule import Timetable
from core.types import Cycle, StepReport
from daemon.engine_service import EngineService
from daemon.models.ranker import RankerService
from daemon.wiring.cron import JobScheduler
from daemon.wiring.memory import MemoryService
from pipeline.engine import Engine


class UnattendedService(EngineService):
    """The engine's service with its jobs and its memory; who wires it sets the desks first."""

    desk: RankerService
    jobs_desk: JobScheduler
    memories: MemoryService
    events: EventSink

    def start(self) -> None:
        """Begin building and recovering on the engine thread, and ring the jobs once that is done."""
        super().start()
        self.jobs_desk.start(self, self.clock, self.events)

    def begin_stop(self) -> None:
        """Begin nothing new."""
        self.jobs_desk.stop()
        super().begin_stop()

    def timetable(self) -> Timetable:
        """Give what runs by itself."""
        return self.jobs_desk.timetable()

    async def memory(self, symbol: str, limit: int) -> Recollection:
        """Say what is remembered of a ticker, newest first."""
        return await self.memories.facts(symbol, limit)

    async def rollback(self) -> Mapping[str, Any]:
        """Put the ranker before the one in use back in use."""
        return await self._on_engine(lambda _: self.desk.rollback())

    def _step(self, engine: Engine, cycle: Cycle) -> StepReport:
        report = super()._step(engine, cycle)
        if cycle.agents and cycle.as_of is None:
            self.desk.watch(engine.last_view)
        return report
