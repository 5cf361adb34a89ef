"""The four jobs, when they are due, and whether a due one runs: pure, from the moment and the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.cycles import DECIDE, DECIDE_AND_SEND, REGIME, RISK_CHECK, SETTLE, Cycle
from core.ports import Calendar
from core.times import NEW_YORK, market_date

SATURDAY = 5
USUAL_CLOSE_HOUR = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """A job and when it is due.

    Attributes
    ----------
    name : str
        As the contract has it; also its name in the settings.
    schedule : str
        When it is due, for people.
    crontabs : tuple of str
        When it is due, as crontab lines in New York's time; any of them.
    on_sessions : bool
        Whether it runs only on the exchange's sessions.
    until_close : bool
        Whether it is skipped after the session's close.
    """

    name: str
    schedule: str
    crontabs: tuple[str, ...]
    on_sessions: bool = True
    until_close: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whether a due job runs.

    Attributes
    ----------
    exchange_open : bool
        Whether the exchange is in its regular session: only then orders are sent.
    skipped_reason : str
        Why it does not run; empty when it does.
    """

    exchange_open: bool = False
    skipped_reason: str = ""


# In the order in which jobs that are due together run: what is held is protected before anything is bought.
JOBS = (
    JobSpec(
        name="cron_regime",
        schedule="daily 09:00 America/New_York, on sessions",
        crontabs=("0 9 * * *",),
        until_close=False,
    ),
    JobSpec(
        name="cron_risk_check",
        schedule="every 5 min 09:00-16:00 America/New_York, on sessions",
        crontabs=("*/5 9-15 * * mon-fri", "0 16 * * mon-fri"),
    ),
    JobSpec(
        name="cron_decide",
        schedule="every 15 min 09:00-16:00 America/New_York, on sessions",
        crontabs=("*/15 9-15 * * mon-fri", "0 16 * * mon-fri"),
    ),
    JobSpec(
        name="cron_weekly_retrain",
        schedule="Sunday 02:00 America/New_York",
        crontabs=("0 2 * * sun",),
        on_sessions=False,
        until_close=False,
    ),
)


LETTER = JobSpec(
    name="letter",
    schedule="daily 16:20 America/New_York, on sessions",
    crontabs=("20 16 * * mon-fri",),
    until_close=False,
)
"""Beside the four: the session's letter."""


def cycle_of(name: str, admission: Admission) -> Cycle:
    """Return the step that a job on sessions takes: only while the exchange is open is anything sent."""
    live, waiting = {
        "cron_regime": (REGIME, REGIME),
        "cron_risk_check": (RISK_CHECK, SETTLE),
        "cron_decide": (DECIDE_AND_SEND, DECIDE),
    }[name]
    return live if admission.exchange_open else waiting


def admit(spec: JobSpec, due_at: datetime, now: datetime, calendar: Calendar) -> Admission:
    """Return whether a job that was due at `due_at` runs now, and whether it may send.

    Parameters
    ----------
    now : datetime
        A little later than `due_at`, by as much as the alarm was late or the daemon was down.
    """
    day = market_date(due_at)
    session = next(iter(calendar.sessions(day, day)), None)
    if session is None:
        return Admission(
            skipped_reason=_no_session(day.weekday(), f"{day:%a %Y-%m-%d}") if spec.on_sessions else ""
        )
    _, opens_at, closes_at = session
    if spec.until_close and due_at > closes_at:
        return Admission(skipped_reason=_after(closes_at))
    return Admission(exchange_open=opens_at <= now < closes_at)


def _no_session(weekday: int, day: str) -> str:
    return f"{day} has no session: {'a weekend' if weekday >= SATURDAY else 'the exchange is closed all day'}"


def _after(closes_at: datetime) -> str:
    closed = closes_at.astimezone(NEW_YORK)
    half = "half day's " if closed.hour < USUAL_CLOSE_HOUR else ""
    return f"after the {half}close at {closed:%H:%M} of {closed:%a %Y-%m-%d}"
