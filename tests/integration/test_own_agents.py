"""A user's agents in a real daemon: their line in decisions and status, and what they do wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.daemon import Process, own_settings
from tests.user_agents import LEARNER, RISERS, body, write

OWN = {"synthesizer.weights.risers": 0.5, "plugins.deadline_seconds": 0.5}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    home = tmp_path_factory.mktemp("home")
    folder = home / "config"
    folder.mkdir()
    own_settings(folder)
    file = folder / "trading.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **OWN}))
    for name, text in (
        ("risers", RISERS),
        ("learner", LEARNER),
        ("raising", body("raising", "raise RuntimeError('no idea')")),
        ("hanging", body("hanging", "time.sleep(30)")),
        ("broken", "import no_such_package\n"),
    ):
        write(home / "user", name, text)
    with Process(home / "state", folder) as process:
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

    daemon.wait(heard)
    decided = daemon.answer("/decide/v3", "POST")
    votes = [vote for one in decided["decisions"] for vote in one["votes"] if vote["agent"] == "learner"]
    assert {vote["weight"] for vote in votes} == {0.0}
    assert daemon.events("agent.fitted")
