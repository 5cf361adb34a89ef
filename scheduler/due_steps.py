"""The steps that the jobs take over a span of time: the daemon's own timetable, for whoever walks it by hand."""

from __future__ import annotations

from datetime import datetime

from core.ports import Calendar
from core.types import Cycle
from scheduler.alarms import Alarms
from scheduler.timetable import JOBS, admit, cycle_of


def due_steps(after: datetime, until: datetime, calendar: Calendar) -> list[tuple[datetime, Cycle]]:
    """List the steps due in (after, until], in the order in which the daemon takes them; retraining is none."""
    specs = [spec for spec in JOBS if spec.on_sessions]
    alarms = Alarms(specs)
    due = sorted(
        (at, place) for place, spec in enumerate(specs) for at in alarms.all_due(spec.name, after, until)
    )
    out = []
    for at, place in due:
        admission = admit(specs[place], at, at, calendar)
        if not admission.skipped_reason:
            out.append((at, cycle_of(specs[place].name, admission)))
    return out
