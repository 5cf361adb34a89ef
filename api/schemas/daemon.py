"""The daemon as JSON: health, the stream's counters, long jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.base import Data, ResponseSchema, example


class HealthAnswer(ResponseSchema):
    """Whether the daemon lives, and how fresh it is."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {"status": "ok", "models_loaded": True, "server_uptime": 12.5, "trading_state": "active"}
            ]
        },
    )

    status: str
    models_loaded: bool
    server_uptime: float = Field(description="Seconds since the start.", ge=0)
    trading_state: str | None = Field(description="Null until the engine is built.")
    identity: str | None = Field(
        default=None,
        description="HMAC-SHA-256, keyed by the token, of `trading-engine:PORT:CHALLENGE`; null without a token.",
    )


class ReadyAnswer(ResponseSchema):
    """The engine has reconciled and may be asked."""

    status: str = "ready"


class StreamStatusAnswer(ResponseSchema):
    """The stream's counters since the start."""

    connections: int = Field(ge=0)
    topics: dict[str, int] = Field(description="Listeners by topic.")
    sent: int = Field(ge=0)
    dropped: int = Field(ge=0)
    sequence: int = Field(ge=0)


class JobLine(ResponseSchema):
    """Where a long job stands."""

    job_id: str
    kind: str
    status: str = Field(description="`running`, `done` or `failed`.")
    progress: float = Field(ge=0, le=1)
    message: str
    started_at: datetime
    finished_at: datetime | None
    result: dict[str, Any]
    error: str


class JobAnswer(JobLine):
    """One long job."""

    model_config = example(
        job_id="quant_retrain-1-20250630T194500", kind="quant_retrain", status="done", progress=1.0,
        message="trained", started_at="2025-06-30T19:45:00Z", finished_at="2025-06-30T19:46:10Z",
        result={"samples": 20000}, error="",
    )  # fmt: skip

    data: Data


class ScheduledJobLine(ResponseSchema):
    """A job that runs by itself."""

    name: str
    schedule: str
    last_run_at: datetime | None
    last_outcome: str
    last_duration_ms: float | None = Field(ge=0)
    next_run_at: datetime | None
    skipped_reason: str = Field(description="Why the last due run was skipped; empty when it ran.")


class TimetableAnswer(ResponseSchema):
    """What runs by itself (ENABLE_CRON)."""

    enabled: bool
    jobs: list[ScheduledJobLine]


class JobsAnswer(ResponseSchema):
    """What runs by itself, and the long jobs since the start, newest first."""

    scheduler: TimetableAnswer
    jobs: list[JobLine]
    data: Data


class RetrainAnswer(ResponseSchema):
    """What a retrain measured, and whether its model was promoted."""

    model_config = ConfigDict(extra="allow")

    job_id: str
    hint: str = Field(description="Where its progress is seen while it runs; sent first.")
    status: str
    data: Data


class VersionLine(ResponseSchema):
    """A ranker that is kept."""

    model_id: str
    saved_at: datetime
    labels_end: str
    samples: int = Field(ge=0)
    in_use: bool


class RollbackAnswer(ResponseSchema):
    """Which ranker is in use again, and which it replaced."""

    model_id: str
    replaced: str | None = Field(description="Null when there was none in use.")
    window: dict[str, str]
    out_of_sample: dict[str, float]
    versions: list[VersionLine] = Field(description="All that are kept, newest first.")
    data: Data
