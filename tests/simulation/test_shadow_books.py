"""Shadow books beside the wired daemon: the account's own profile a second time writes the same ledger."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import date
from pathlib import Path

from adapters.ledger import SqliteLedger
from config.environment import OrderRoute
from core.types import StepReport
from tests.servers.daemon import SMALL_MODELS, own_settings
from tests.simulation.desk import models
from tests.simulation.driven import driven, in_new_york

EAGER = {
    "quant": SMALL_MODELS["quant"] | {"candidate_probability_min": 0.2},
    "synthesizer": {"buy_score_min": 0.0},
    "shadow": {"profiles": ["runbook", "baseline", "spy", "cash"]},
}
DAY = date(2021, 11, 24)


async def live(state: Path, settings: Path) -> tuple[list[StepReport], list[str]]:
    async with driven(state, in_new_york(DAY, 8), settings=settings) as it:
        await it.run_until(in_new_york(DAY, 10, 20))
        service = it.daemon.service
        return list(service.ledger.decisions(500)), it.status()["degraded"]


def steps_of(path: Path) -> list[StepReport]:
    ledger = SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN)
    try:
        return list(ledger.decisions(500))
    finally:
        ledger.close()


def after_the_start(steps: list[StepReport]) -> list[StepReport]:
    return [step for step in steps if step.cycle.name != "recover"]


def test_the_accounts_own_profile_beside_it_takes_the_same_steps(tmp_path: Path) -> None:
    state = tmp_path / "state"
    shutil.copytree(models().name, state / "models")
    (tmp_path / "config").mkdir()
    settings = own_settings(tmp_path / "config")
    (settings / "trading.json").write_text(json.dumps({**SMALL_MODELS, **EAGER}))
    steps, degraded = asyncio.run(live(state, settings))
    assert not [what for what in degraded if "shadow" in what]
    ours = [step for step in steps if step.cycle.name != "recover"]
    twin = [
        step for step in steps_of(state / "shadow" / "runbook" / "ledger.sqlite") if step.cycle.name != "recover"
    ]
    assert sum(len(step.plan.approved) for step in ours), "it bought something"
    assert any(step.fills for step in ours)
    assert twin == ours
    baseline = steps_of(state / "shadow" / "baseline" / "ledger.sqlite")
    assert len(baseline[0].plan.portfolio.positions) > 30
    assert [step.view_digest for step in baseline[: len(ours)]] == [step.view_digest for step in ours]
