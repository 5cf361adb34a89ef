"""When jobs are due, by APScheduler's triggers; the only home of APScheduler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from config.jobs import SchedulerSettings
from core.errors import InvariantError
from core.times import NEW_YORK
from scheduler.timetable import JobSpec

Fire = Callable[[str], Awaitable[None]]
Miss = Callable[[str, str], None]
INSTANT = timedelta(microseconds=1)


class Alarms:
    """The triggers of all jobs, in the order in which jobs that are due together run.

    Parameters
    ----------
    specs : sequence of JobSpec
    """

    def __init__(self, specs: Sequence[JobSpec]) -> None:
        self._triggers = {
            spec.name: OrTrigger([CronTrigger.from_crontab(line, NEW_YORK) for line in spec.crontabs])
            for spec in specs
        }

    def next_due(self, name: str, after: datetime) -> datetime:
        """Return the first moment after `after` at which a job is due, UTC."""
        found = self._triggers[name].get_next_fire_time(None, (after + INSTANT).astimezone(NEW_YORK))
        if found is None:
            raise InvariantError(f"The job {name} is never due again after {after}.")
        moment: datetime = found.astimezone(UTC)
        return moment

    def last_due(self, name: str, at: datetime, within: timedelta) -> datetime | None:
        """Return the last moment in (at - within, at] at which a job was due; None when there was none."""
        return max(self.all_due(name, at - within, at), default=None)

    def all_due(self, name: str, after: datetime, until: datetime) -> list[datetime]:
        """List the moments in (after, until] at which a job is due."""
        out, moment = [], self.next_due(name, after)
        while moment <= until:
            out.append(moment)
            moment = self.next_due(name, moment)
        return out

    def soonest(self, after: datetime) -> tuple[datetime, tuple[str, ...]]:
        """Return the first moment after `after` at which any job is due, and which are, in order."""
        due = {name: self.next_due(name, after) for name in self._triggers}
        first = min(due.values())
        return first, tuple(name for name, moment in due.items() if moment == first)

    def scheduler(self, fire: Fire, missed: Miss, settings: SchedulerSettings) -> AsyncIOScheduler:
        """Return a scheduler that calls `fire(name)` on the running event loop; not started yet.

        Of several runs that were slept through one is made, if it is within its grace; a job never runs
        beside itself. What is not run goes to `missed(name, reason)`.
        """
        scheduler = AsyncIOScheduler(timezone=NEW_YORK)
        names = {}
        for place, (name, trigger) in enumerate(self._triggers.items()):
            names[f"{place} {name}"] = name  # APScheduler runs what is due together in the order of ids
            scheduler.add_job(
                partial(fire, name),
                trigger,
                id=f"{place} {name}",
                name=name,
                max_instances=1,
                coalesce=True,
                misfire_grace_time=max(1, round(settings.of(name).grace_seconds)),
            )
        scheduler.add_listener(
            lambda event: missed(names[event.job_id], _why(event)), EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES
        )
        return scheduler


def _why(event: Any) -> str:
    if event.code == EVENT_JOB_MAX_INSTANCES:
        return "the run before still goes on"
    return "missed: the process was held up for longer than the grace"
