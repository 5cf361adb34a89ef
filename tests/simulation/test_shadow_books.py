"""Shadow books beside the wired daemon: the account's own profile a second time writes the same ledger."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import date
from pathlib import Path

from msgspec.structs import replace

from adapters.ledger import SqliteLedger
from config.environment import OrderRoute
from core.events import Event
from core.scoreboard import Scoreboard
from core.types import StepReport
from pipeline.shadow import without_ranking
from tests.servers.daemon import SMALL_MODELS, own_settings
from tests.simulation.desk import models
from tests.simulation.driven import driven, in_new_york

EAGER = {
    "quant": SMALL_MODELS["quant"] | {"candidate_probability_min": 0.2},
    "synthesizer": {"buy_score_min": 0.0},
    "shadow": {"profiles": ["runbook", "baseline", "spy", "cash"]},
}
DAY, NEXT_DAY = date(2021, 11, 24), date(2021, 11, 26)


async def live(state: Path, settings: Path, heard: list[Event]) -> tuple[list[StepReport], list[str], Scoreboard]:
    async with driven(state, in_new_york(DAY, 15, 40), settings=settings) as it:
        await it.run_until(in_new_york(DAY, 16, 5))
    async with driven(state, in_new_york(NEXT_DAY, 12, 20), settings=settings, hear=heard.append) as it:
        await it.run_until(in_new_york(NEXT_DAY, 13, 5))
        service = it.daemon.service
        board = it.daemon.engines.scores.scoreboard()
        return list(service.ledger.decisions(500)), it.status()["degraded"], board


def steps_of(path: Path) -> list[StepReport]:
    ledger = SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN)
    try:
        return list(ledger.decisions(500))
    finally:
        ledger.close()


def after_the_start(steps: list[StepReport]) -> list[StepReport]:
    return [step for step in steps if step.cycle.name != "recover"]


def as_recorded(step: StepReport) -> StepReport:
    return replace(step, plan=replace(step.plan, analysis=without_ranking(step.plan.analysis)))


def assert_two_sessions_are_closed(board: Scoreboard, updates: list[Event]) -> None:
    scores = {score.name: score for score in board.shadow_books}
    assert board.session == NEXT_DAY.isoformat()
    without = {f"without_{agent}" for agent in ("market", "quant", "rl", "sentiment", "momentum", "regime")}
    assert set(scores) == {"account", "runbook", "baseline", "spy", "cash"} | without
    assert scores["without_rl"].return_total == scores["account"].return_total, "it abstained"
    assert scores["without_momentum"].return_total != scores["account"].return_total
    assert {score.sessions for score in scores.values()} == {2}, "the session before the start is the first close"
    assert scores["cash"].return_total == 0.0
    assert scores["account"].return_total == scores["runbook"].return_total != 0.0
    assert scores["baseline"].evidence is None
    assert {agent.name for agent in board.agents} >= {"quant", "momentum", "market"}
    (update,) = updates
    assert update.data["session"] == board.session
    judged = {
        kind: {o["name"] for o in update.data["outcomes"] if o["kind"] == kind} for kind in ("book", "agent")
    }
    assert judged["book"] == set(scores) - {"baseline"}
    assert judged["agent"] >= {"market", "momentum"}, "by what they said at the first close"


def test_the_accounts_own_profile_beside_it_takes_the_same_steps(tmp_path: Path) -> None:
    state = tmp_path / "state"
    shutil.copytree(models().name, state / "models")
    (tmp_path / "config").mkdir()
    settings = own_settings(tmp_path / "config")
    (settings / "trading.json").write_text(json.dumps({**SMALL_MODELS, **EAGER}))
    heard: list[Event] = []
    steps, degraded, board = asyncio.run(live(state, settings, heard))
    assert not [what for what in degraded if "shadow" in what or "evidence" in what]
    assert_two_sessions_are_closed(board, [event for event in heard if event.topic == "scoreboard.update"])
    ours = after_the_start(steps)
    twin = after_the_start(steps_of(state / "shadow" / "runbook" / "ledger.sqlite"))
    assert sum(len(step.plan.approved) for step in ours), "it bought something"
    assert any(step.fills for step in ours)
    assert any(stock.contributions for step in ours for stock in step.plan.analysis.ranking)
    assert twin == [as_recorded(step) for step in ours], "the account's record has the factors"
    baseline = steps_of(state / "shadow" / "baseline" / "ledger.sqlite")
    assert len(baseline[0].plan.portfolio.positions) > 30
