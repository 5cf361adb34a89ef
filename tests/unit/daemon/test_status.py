"""The jobs that the status lists."""

from __future__ import annotations

from datetime import UTC, datetime

from core.long_jobs import Job, JobStatus
from daemon.status import JOBS_SHOWN_MAX, jobs_shown


def test_a_running_job_is_listed_behind_any_number_of_newer_ones() -> None:
    jobs = [
        Job(
            job_id=f"job-{n}", kind="backtest", status=JobStatus.DONE, started_at=datetime(2024, 1, 1, tzinfo=UTC)
        )
        for n in range(JOBS_SHOWN_MAX + 10)
    ]
    old = Job(job_id="train-1", kind="train", status=JobStatus.RUNNING, started_at=jobs[0].started_at)
    shown = jobs_shown([*jobs, old])
    assert shown == [*jobs[:JOBS_SHOWN_MAX], old]
