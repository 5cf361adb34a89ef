"""The jobs that the status lists, and that it says so where the feed cannot be trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.cycles import DECIDE_AND_SEND
from core.long_jobs import Job, JobStatus
from daemon.status import JOBS_SHOWN_MAX, degraded_feed, jobs_shown
from tests.small_engine import lived


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


def test_a_feed_that_is_not_to_be_trusted_is_degraded() -> None:
    """Its fault stood in an alert only: the page said Fine while nothing could be bought or sold."""
    small, _ = lived()
    assert list(degraded_feed(small.engine)) == []
    small.clock.set(small.clock.now() + timedelta(days=400))  # its bars end long before
    report = small.engine.step(DECIDE_AND_SEND)
    assert report.feed_fault
    assert list(degraded_feed(small.engine)) == [f"feed: {report.feed_fault}"]
