"""`scheduler` in `config/trading*.json`: what runs by itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.frozen import Frozen


class JobSettings(Frozen):
    """How late a job may begin, and how long it may take.

    Attributes
    ----------
    grace_seconds : float
        A run that could not begin in time begins up to this late, once; later it is missed, and an alert says so.
    deadline_seconds : float
        A run that takes longer raises `risk.alert`; it is not cut off.
    """

    grace_seconds: Annotated[float, Field(ge=1, le=86_400)]
    deadline_seconds: Annotated[float, Field(gt=0, le=86_400)]


class SchedulerSettings(Frozen):
    """The four jobs of ENABLE_CRON, and the letter after each close."""

    cron_decide: JobSettings = JobSettings(grace_seconds=300.0, deadline_seconds=120.0)
    cron_risk_check: JobSettings = JobSettings(grace_seconds=120.0, deadline_seconds=60.0)
    cron_regime: JobSettings = JobSettings(grace_seconds=3_600.0, deadline_seconds=300.0)
    cron_weekly_retrain: JobSettings = JobSettings(grace_seconds=43_200.0, deadline_seconds=7_200.0)
    letter: JobSettings = JobSettings(grace_seconds=21_600.0, deadline_seconds=300.0)

    def of(self, name: str) -> JobSettings:
        """Give one job's settings."""
        found: JobSettings = getattr(self, name)
        return found
