"""A decision that hangs on evidence is decided again as it was, from the ledgers alone."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

from backtest.app.checks import replay_recorded
from backtest.app.settings import BacktestSpec
from config.environment import read_environment
from core.types import StepReport
from tests.servers.daemon import SMALL_MODELS, own_settings
from tests.simulation.desk import models
from tests.simulation.driven import driven, in_new_york

DAY, NEXT_DAY = date(2021, 11, 24), date(2021, 11, 26)
SEEDED = {"profile": "evidence", "evidence": {"seed_pct": 0.1}, "shadow": {"without_agents": False}}


async def live(state: Path, settings: Path) -> list[StepReport]:
    async with driven(state, in_new_york(DAY, 15, 40), settings=settings) as it:
        await it.run_until(in_new_york(DAY, 16, 5))
    async with driven(state, in_new_york(NEXT_DAY, 12, 20), settings=settings) as it:
        await it.run_until(in_new_york(NEXT_DAY, 13, 5))
        return list(it.daemon.service.ledger.decisions(500))


def test_a_step_of_the_evidence_profile_is_decided_again_with_what_its_challengers_held(tmp_path: Path) -> None:
    state, settings = tmp_path / "state", tmp_path / "config"
    shutil.copytree(models().name, state / "models")
    settings.mkdir()
    own_settings(settings)
    (settings / "trading.json").write_text(json.dumps({**SMALL_MODELS, **SEEDED}))
    steps = asyncio.run(live(state, settings))
    having = [step for step in steps if "runbook" in step.plan.analysis.models.get("evidence", "")]
    closed = {in_new_york(DAY, 16), in_new_york(NEXT_DAY, 13)}
    decided = [step for step in having if step.plan.approved and step.as_of not in closed]
    assert len(decided) > 1, "challengers had capital, and it traded"
    environment = read_environment({"STATE_DIR": str(state), "DATA_PROVIDER": "simulated"})
    for step in (decided[0], decided[-1]):
        again = replay_recorded(step.decision_id, BacktestSpec(folder=settings), environment, step.as_of)
        assert again.same_plan, (again.causes, again.first_difference)
    with closing(sqlite3.connect(state / "shadow" / "evidence.sqlite")) as kept:
        assert kept.execute("SELECT count(*) FROM closes").fetchone()[0] > 0
