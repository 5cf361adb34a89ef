"""The whole daemon with its jobs on a driven clock: the day after Thanksgiving, with a restart in the middle."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.events import Event
from core.types import StepReport
from tests.servers.daemon import SMALL_MODELS, own_settings
from tests.simulation.desk import models
from tests.simulation.driven import driven
from tests.simulation.driven import in_new_york as at

EAGER = {
    "quant": SMALL_MODELS["quant"] | {"candidate_probability_min": 0.2},
    "synthesizer": {"buy_score_min": 0.0},
}
THANKSGIVING, HALF_DAY = date(2021, 11, 25), date(2021, 11, 26)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state folder with a ranker, so that nothing is trained."""
    shutil.copytree(models().name, tmp_path / "state" / "models")
    return tmp_path / "state"


async def live(state: Path, settings: Path, heard: list[Event]) -> tuple[Sequence[StepReport], Mapping[str, Any]]:
    """From the holiday's morning to the half day's evening, dead from 11:07 to 11:16: its steps and status."""
    async with driven(state, at(THANKSGIVING, 8), settings=settings, hear=heard.append) as first:
        await first.run_until(at(HALF_DAY, 11, 7))
    async with driven(state, at(HALF_DAY, 11, 16), settings=settings, hear=heard.append) as second:
        await second.run_until(at(HALF_DAY, 20))
        return second.daemon.service.ledger.decisions(500), second.status()


def test_a_holiday_a_half_day_and_a_restart(state: Path, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    settings = own_settings(tmp_path / "config")
    (settings / "trading.json").write_text(json.dumps({**SMALL_MODELS, **EAGER}))
    heard: list[Event] = []
    steps, status = asyncio.run(live(state, settings, heard))
    runs = Counter((e.data["kind"], e.data["status"]) for e in heard if e.topic == "job.progress")
    assert runs["cron_regime", "done"] == 1
    assert runs["cron_decide", "done"] == 17, "9:00 to 13:00, the one at 11:15 caught up"
    assert runs["cron_risk_check", "done"] == 48, "9:00 to 13:00 but for 11:10, when nobody was there"
    assert not any(status == "failed" for _, status in runs)
    assert_it_traded_in_the_session_only(steps)
    assert_the_timetable(status["scheduler"])


def assert_it_traded_in_the_session_only(steps: Sequence[StepReport]) -> None:
    sent = [step for step in steps if step.cycle.submits and step.plan.approved]
    assert sent
    assert sum(len(step.fills) for step in steps) > 3
    for step in sent:
        assert at(HALF_DAY, 9, 30) <= step.as_of < at(HALF_DAY, 13)
    names = Counter(order.order.client_order_id for step in steps for order in step.plan.approved)
    assert max(names.values()) == 1
    early = [s for s in steps if s.cycle.name == "decide" and s.as_of < at(HALF_DAY, 9, 30)]
    assert len(early) == 2
    assert any(step.plan.approved for step in early), "before the open it decides and sends nothing"
    assert not any(fill.at < at(HALF_DAY, 9, 30) for step in steps for fill in step.fills)


def assert_the_timetable(scheduler: Mapping[str, Any]) -> None:
    """The last runs are the half day's, the next ones Monday's and Sunday's."""
    assert scheduler["enabled"] is True
    jobs = {job["name"]: job for job in scheduler["jobs"]}
    closed = "after the half day's close at 13:00 of Fri 2021-11-26"
    assert jobs["cron_decide"]["skipped_reason"] == jobs["cron_risk_check"]["skipped_reason"] == closed
    assert jobs["cron_regime"]["skipped_reason"] == ""
    for name in ("cron_regime", "cron_risk_check", "cron_decide"):
        assert jobs[name]["next_run_at"] == iso(at(HALF_DAY + timedelta(days=3), 9))
    assert jobs["cron_decide"]["last_run_at"] == iso(at(HALF_DAY, 13))
    assert jobs["cron_decide"]["last_outcome"].startswith("decide: ")
    assert jobs["cron_weekly_retrain"]["next_run_at"] == iso(at(HALF_DAY + timedelta(days=2), 2))


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
