"""Whether anybody watches the stops of what is held: only the jobs do, and by default they are off."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import structlog

from core.schedule import Timetable
from core.service import Execution
from core.types import Side
from pipeline.engine import Engine
from pipeline.execution import execute
from pipeline.fault_policy import halting_on_fatal_faults

log = structlog.get_logger("engine")


def unwatched_reason(engine: Engine | None, timetable: Timetable, buying: Collection[str] = ()) -> str:
    """Return why nobody watches the stops of what is held or being bought; empty when somebody does.

    Parameters
    ----------
    engine : Engine or None
        None before it is built: nothing is known to be held.
    buying : collection of str
        Symbols that are about to be bought as well.
    """
    if engine is None or timetable.enabled:
        return ""
    held = {*engine.portfolio.positions, *buying, *(order.symbol for order in engine.portfolio.pending)}
    if not held:
        return ""
    names = "1 position" if len(held) == 1 else f"{len(held)} positions"
    cause = next((job.skipped_reason for job in timetable.jobs if job.skipped_reason), "the jobs are off")
    return (
        f"not automatic: nobody watches the stops of {names} ({cause}). Start with ENABLE_CRON=true, or ask "
        "for each check: POST /risk/check."
    )


def execute_with_warning(
    engine: Engine, decision_id: str | None, timetable: Timetable, *, dry_run: bool
) -> Execution:
    """Send a recorded decision's orders; with a warning where nobody watches what they buy."""
    with halting_on_fatal_faults(engine):
        done = execute(engine, decision_id, dry_run=dry_run)
    buying = {order.symbol for order in done.orders if order.side is Side.BUY}
    warning = unwatched_reason(engine, timetable, buying)
    return replace(done, warnings=(warning,)) if warning else done


class UnwatchedLog:
    """Logs once that nobody watches the stops, and again after somebody did or nothing was held."""

    def __init__(self, timetable: Callable[[], Timetable]) -> None:
        self._timetable = timetable
        self._is_logged = False

    def note(self, engine: Engine) -> None:
        """Log it when it has become so."""
        reason = unwatched_reason(engine, self._timetable())
        if reason and not self._is_logged:
            log.warning("stops.unwatched", reason=reason)
        self._is_logged = bool(reason)
