"""Long work in a child process, as it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class JobStatus(StrEnum):
    """Where a long job stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Long work in a child process.

    Attributes
    ----------
    kind : str
        `quant_retrain`, `train`, `backtest` or `scan_backtest`; one of a kind at a time.
    progress : float
        In [0, 1].
    result : mapping
        JSON answer once done.
    error : str
        What went wrong and what to do, once failed.
    """

    job_id: str
    kind: str
    status: JobStatus
    started_at: datetime
    finished_at: datetime | None = None
    progress: float = 0.0
    message: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
