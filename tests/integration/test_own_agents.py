"""A user's agents in a real daemon: their line in decisions and status, and what they do wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backtest.app.checks import replay_recorded
from backtest.app.settings import BacktestSpec
from config.environment import read_environment
from core.cycles import DECIDE
from core.types import StepReport
from daemon.wiring import build_daemon
from tests.servers.daemon import Process, own_settings
from tests.servers.local_http import Answer, Asked, Cut, Outcome, local_server
from tests.user_agents import LEARNER, RISERS, body, write

OWN = {"synthesizer.weights.risers": 0.5, "plugins.deadline_seconds": 0.5}


@pytest.fixture(scope="module")
def daemon(trained_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    home = tmp_path_factory.mktemp("home")
    folder = home_with(home, **OWN)
    for name, text in (
        ("risers", RISERS),
        ("learner", LEARNER),
        ("raising", body("raising", "raise RuntimeError('no idea')")),
        ("hanging", body("hanging", "time.sleep(30)")),
        ("broken", "import no_such_package\n"),
    ):
        write(home / "user", name, text)
    with Process(shutil.copytree(trained_state, home / "state"), folder) as process:
        process.wait_idle()
        yield process


def agents_of(daemon: Process) -> dict[str, Any]:
    return dict(daemon.answer("/status")["agents"])


def test_its_line_stands_in_the_decision_with_its_weight_and_its_reason(daemon: Process) -> None:
    decided = daemon.answer("/decide/v3", "POST")
    weights: dict[str, set[float]] = {}
    for decision in decided["decisions"]:
        for vote in decision["votes"]:
            weights.setdefault(vote["agent"], set()).add(vote["weight"])
    assert decided["decisions"]
    assert all(weight > 0.3 for weight in weights["risers"])  # 0.5 of the 1.5 at most that there are
    assert not {"raising", "hanging", "broken"} & {*weights}
    abstained = {one["agent"]: one["reason"] for one in decided["abstained"]}
    assert abstained["raising"] == "it raised RuntimeError: no idea"
    assert abstained["hanging"] == "it did not answer within 0.5 s"


def test_the_status_names_each_agent_and_why_it_abstains(daemon: Process) -> None:
    daemon.answer("/decide/v3", "POST")
    agents = agents_of(daemon)
    assert {"market", "quant", "risers", "learner", "raising", "hanging"} <= {*agents}
    assert (agents["risers"]["weight"], agents["risers"]["abstains"]) == (0.5, "")
    assert (agents["market"]["origin"], agents["market"]["abstains"]) == ("built in", "")
    assert agents["raising"]["abstains"] == "it raised RuntimeError: no idea"
    assert "has still not returned" in agents["hanging"]["abstains"]
    assert agents["risers"]["origin"].endswith("user/agents/risers.py")
    (fault,) = [line for line in daemon.answer("/status")["degraded"] if "broken" in line]
    assert "agent broken takes no part" in fault
    assert "no_such_package" in fault


def test_one_with_a_fit_is_fitted_in_a_child_and_then_heard_without_a_weight(daemon: Process) -> None:
    def heard() -> bool:
        daemon.answer("/decide/v3", "POST")
        return bool(agents_of(daemon)["learner"]["abstains"] == "")

    daemon.answer("/decide/v3", "POST")
    daemon.wait(lambda: bool(daemon.events("agent.fitted")))  # each decision costs a step
    daemon.wait(heard)
    decided = daemon.answer("/decide/v3", "POST")
    votes = [vote for one in decided["decisions"] for vote in one["votes"] if vote["agent"] == "learner"]
    assert {vote["weight"] for vote in votes} == {0.0}
    assert daemon.events("agent.fitted")


def home_with(home: Path, **own: Any) -> Path:
    folder = home / "config"
    folder.mkdir()
    own_settings(folder)
    file = folder / "trading.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **own}))
    return folder


def votes_of(report: StepReport, agent: str) -> list[float]:
    votes = [vote for decision in report.plan.decisions for vote in decision.votes]
    return [vote.signal.score for vote in votes if vote.signal.agent == agent]


def abstained(report: StepReport) -> dict[str, str]:
    return {a.agent: a.reason for a in report.plan.analysis.abstentions if a.symbol == "*"}


def test_a_remote_agent_that_lies_dies_and_comes_back_is_replayed_without_it(tmp_path: Path) -> None:
    said: list[Outcome] = []

    def answer(asked: Asked) -> Outcome:
        return said.pop(0) if said else Answer(body={"scores": dict.fromkeys(asked.json["symbols"], 0.25)})

    write(tmp_path / "user", "risers", RISERS)
    write(tmp_path / "user", "raising", body("raising", "raise RuntimeError('no idea')"))
    with local_server(answer) as port:
        url = f"http://127.0.0.1:{port}/"
        folder = home_with(tmp_path, agents={"oracle": {"url": url, "timeout_seconds": 2.0}})
        variables = {"DATA_PROVIDER": "simulated", "STATE_DIR": str(tmp_path / "state")}
        environment = replace(read_environment(variables), artefact_dir=tmp_path / "models")
        daemon = build_daemon(environment, folder)
        engine = daemon.engines.build(lambda: None)
        said += [Answer(body={"scores": {"AAPL": "certain"}}), Cut()]
        reports = [engine.step(DECIDE) for _ in range(3)]
        daemon.close()
    lied, died, back = reports
    assert "is no answer of this kind" in abstained(lied)["oracle"]
    assert "its server cannot be asked" in abstained(died)["oracle"]
    assert {*votes_of(back, "oracle")} == {0.25}
    for report in reports:
        assert votes_of(report, "risers")
        assert abstained(report)["raising"] == "it raised RuntimeError: no idea"
        done = replay_recorded(report.decision_id, BacktestSpec(folder=folder), environment, report.as_of)
        assert done.same_plan, done
        assert not [cause for cause in done.causes if "model of" in cause]
