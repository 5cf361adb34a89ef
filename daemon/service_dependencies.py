"""What the engine's service is made of; only `daemon.wiring` and the tests put it together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from core.brackets import Levels
from core.long_jobs import Job
from core.memory import Recollection
from core.ports import Clock, EventSink
from core.schedule import Timetable
from core.service import LedgerQueries, Service
from core.types import StepReport
from daemon.child_jobs import JobRunner
from pipeline.engine import Engine

if TYPE_CHECKING:
    from daemon.engine_service import EngineService


class LongWork(Protocol):
    """A kind of long job: how to start it, given the runner."""

    def __call__(self, engine: Engine, runner: JobRunner, parameters: Mapping[str, Any]) -> Job:
        """Start it."""
        ...


class ScheduledJobs(Protocol):
    """The jobs that run by themselves."""

    def start(self, service: Service) -> None:
        """Begin to run what comes due, once the service is ready."""
        ...

    def stop(self) -> None:
        """Begin nothing more."""
        ...

    def timetable(self) -> Timetable:
        """Return each job with its last and next run, or why none runs."""
        ...


class TickerMemory(Protocol):
    """The memory's read side."""

    async def facts(self, symbol: str, limit: int) -> Recollection:
        """Return what is remembered of a ticker, newest first."""
        ...


class RankerInUse(Protocol):
    """The ranker in production: whether there is one, and which."""

    @property
    def loaded(self) -> bool:
        """Whether a ranker is in use."""
        ...

    def train_if_missing(self, engine: Engine, runner: JobRunner) -> None:
        """Start a first training where there is no ranker."""
        ...

    def rollback(self, model_id: str = "") -> Mapping[str, Any]:
        """Put a kept version back in use: the one named, or the one before."""
        ...


class Notifications(Protocol):
    """Who is told of the engine."""

    def start(self, service: EngineService) -> None:
        """Begin to send."""
        ...


class NullNotifications:
    """Nobody is told; implements `Notifications`."""

    def start(self, service: EngineService) -> None:
        """Send nothing."""


class ComparedMarket(NamedTuple):
    """What the equity is compared with: an index, and the stocks of the equal-weight portfolio."""

    benchmark: str
    universe: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ServiceDependencies:
    """The parts that an `EngineService` is given.

    Attributes
    ----------
    build : callable
        Makes the engine, given what requests a settlement soon (from any thread). It runs on the engine's
        thread, since it imports heavy libraries and reads the feed; called again after a start that failed.
    open_ledger : callable
        Returns the ledger's read side once the engine is built.
    close : callable
        Lets go of the files, on the engine's thread, as its last work.
    on_step : callable
        Receives each step that ended, on the engine's thread: the engine, the report, its duration in seconds.
    long_work : mapping of str to LongWork
        What `start_job` can start, by kind.
    levels_of : callable
        Returns each held position's nearest stop and target.
    status_of : callable
        Encodes the service's status as JSON.
    """

    clock: Clock
    events: EventSink
    build: Callable[[Callable[[], None]], Engine]
    open_ledger: Callable[[], LedgerQueries]
    close: Callable[[], None]
    on_step: Callable[[Engine, StepReport, float], None]
    long_work: Mapping[str, LongWork]
    scheduled_jobs: ScheduledJobs
    memory: TickerMemory
    ranker: RankerInUse
    market: ComparedMarket
    levels_of: Callable[[Engine], Mapping[str, Levels]]
    status_of: Callable[[EngineService], bytes]
    notifications: Notifications = field(default_factory=NullNotifications)
