"""What runs by itself: each job, its last and its next run, and why a run was skipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """What became of a job's last due moments; outlives the process.

    Attributes
    ----------
    due_at : datetime
        The last moment the job was due, UTC.
    finished : bool
        False while it runs, and for a run that the process did not outlive.
    run_at : datetime or None
        When it last ran; None when it never did.
    outcome : str
        What the last run did, in words.
    duration_ms : float or None
        How long the last run took.
    skipped_reason : str
        Why it did not run at `due_at`; empty when it did.
    """

    due_at: datetime
    finished: bool = True
    run_at: datetime | None = None
    outcome: str = ""
    duration_ms: float | None = None
    skipped_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledJob:
    """A job as the status shows it; times are UTC, None when there is none."""

    name: str
    schedule: str
    last_run_at: datetime | None = None
    last_outcome: str = ""
    last_duration_ms: float | None = None
    next_run_at: datetime | None = None
    skipped_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """All that runs by itself; not enabled, nothing does."""

    enabled: bool
    jobs: tuple[ScheduledJob, ...]


class RunStore(Protocol):
    """Remembers the last runs from one process to the next."""

    def load(self) -> Mapping[str, LastRun]:
        """Give each job's last run; empty where none is known."""
        ...

    def save(self, runs: Mapping[str, LastRun]) -> None:
        """Write them down."""
        ...
