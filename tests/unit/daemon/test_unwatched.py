from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
import structlog

from core.schedule import ScheduledJob, Timetable
from core.types import Portfolio
from daemon.unwatched import UnwatchedLog, unwatched_reason
from pipeline.engine import Engine
from tests.risk_builders import book, position

OFF = Timetable(
    enabled=False, jobs=(ScheduledJob(name="j", schedule="s", skipped_reason="ENABLE_CRON is not set"),)
)
ON = Timetable(enabled=True, jobs=())
HELD = book("1000", position("AAA"), position("BBB"))


@dataclass
class Holder:
    """An engine as far as this is about it: a portfolio."""

    portfolio: Portfolio


def engine(portfolio: Portfolio) -> Engine:
    return cast(Engine, Holder(portfolio))


def test_positions_without_jobs_are_watched_by_nobody() -> None:
    reason = unwatched_reason(engine(HELD), OFF)
    assert reason.startswith("not automatic: nobody watches the stops of 2 positions (ENABLE_CRON is not set)")
    assert "POST /risk/check" in reason


@pytest.mark.parametrize(
    ("portfolio", "timetable"), [(HELD, ON), (book("1000"), OFF), (None, OFF)], ids=["jobs", "flat", "starting"]
)
def test_there_is_nothing_to_say(portfolio: Portfolio | None, timetable: Timetable) -> None:
    assert unwatched_reason(engine(portfolio) if portfolio else None, timetable) == ""


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def test_it_is_logged_once_each_time_it_becomes_so(logged: list[Any]) -> None:
    log = UnwatchedLog(lambda: OFF)
    for portfolio in (HELD, HELD, book("1000"), HELD, HELD):
        log.note(engine(portfolio))
    assert [entry["event"] for entry in logged] == ["stops.unwatched"] * 2
