"""The daemon with a graph that is there, that is wrong, and that is not: it says so and decides all the same."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from adapters.ledger import SqliteLedger
from config.environment import read_environment
from config.trading import TradingSettings
from core.ports import Feed
from daemon.wiring.memory import MemoryService
from daemon.wiring.memory_cli import main
from models.factors.store import FactorStore
from models.regime.tracker import RegimeTracker
from tests.memory.ledgers import some_days
from tests.memory.test_outbox import counted, wait
from tests.servers.bolt import PASSWORD, USER, GraphServer, free_ports
from tests.servers.daemon import Process, own_settings, with_models
from tests.simulation.desk import moments, open_desk
from tests.simulation.desk import settings as desk_settings

STOP_SECONDS_MAX = 5.0


def variables(server: GraphServer, **changes: str) -> dict[str, str]:
    return {"NEO4J_URI": server.uri, "NEO4J_USER": USER, "NEO4J_PASSWORD": PASSWORD} | changes


UNAVAILABLE = 503


def graph_of(process: Process) -> Any:
    return process.answer("/status")["memory"]["graph"]["neo4j"]


def test_the_daemon_remembers_in_the_graph_and_decides_on_while_it_stalls(
    graph_server: GraphServer, trained_state: Path, tmp_path: Path
) -> None:
    settings, state = own_settings(tmp_path), with_models(trained_state, tmp_path / "state")
    changed = json.loads((settings / "trading.json").read_text()) | {"memory": {"timeout_seconds": 2.0}}
    (settings / "trading.json").write_text(json.dumps(changed))
    with Process(state, settings, **variables(graph_server)) as process:
        process.wait_idle()
        decided = process.answer("/decide/v3", "POST")
        ticker = next(d["ticker"] for d in decided["decisions"] if d["action"] != "hold")
        process.wait(lambda: any(f["source"] == decided["decision_id"] for f in told(process, ticker)["facts"]))
        process.wait(lambda: told(process, ticker)["answered_by"] == "neo4j")
        graph_server.stall()
        try:
            assert process.answer("/decide/v3", "POST")["decisions"]
            process.wait(lambda: graph_of(process)["state"] == "behind")
            answer = told(process, ticker)
            assert answer["answered_by"] == "sqlite"
            assert "did not answer within 2 s" in answer["fault"]
            assert any("memory: neo4j" in line for line in process.answer("/status")["degraded"])
            assert process.events("memory.behind")
        finally:
            graph_server.go_on()
        process.wait(lambda: graph_of(process)["state"] == "follows the ledger")
        assert PASSWORD not in process.log
        code, seconds = process.end()
        assert code == 0
        assert seconds < STOP_SECONDS_MAX


def told(process: Process, ticker: str) -> Any:
    path = f"/memory/{ticker}"
    process.wait(
        lambda: process.status_code(path) != UNAVAILABLE
    )  # the graph that has just come may not answer yet
    return process.answer(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"NEO4J_PASSWORD": "not it"}, "refused NEO4J_USER or NEO4J_PASSWORD"),
        ({"NEO4J_URI": "http://127.0.0.1:1"}, "cannot be used"),
    ],
)
def test_a_wrong_setting_is_named_and_this_machines_memory_answers(
    graph_server: GraphServer, tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    ledger = some_days(2, tmp_path / "ledger.sqlite")
    given = {"STATE_DIR": str(tmp_path), **variables(graph_server, **changes)}
    desk = MemoryService(read_environment(given), TradingSettings())
    desk.open(ledger)
    wait(lambda: said in desk.card()["neo4j"]["fault"])
    wait(lambda: desk.card()["sqlite"]["state"] == "follows the ledger")
    assert [said in fault for fault in desk.faults] == [True]
    symbol = ledger.trades(1)[0].symbol
    told = asyncio.run(desk.facts(symbol, 10))
    assert told.origin == "sqlite"
    assert said in told.fault
    assert {fact.name for fact in told.facts} >= {"RETURNED", "HOLDS", "DECIDED_TO_ENTER"}
    assert "not it" not in repr(desk.card())
    desk.stop()
    ledger.close()


def test_a_graph_that_is_not_there_changes_no_byte_of_the_ledger(tmp_path: Path) -> None:
    dumps = []
    for number, given in enumerate(({}, {"NEO4J_URI": f"bolt://127.0.0.1:{free_ports(1)[0]}"})):
        folder = tmp_path / str(number)
        folder.mkdir()
        memory = MemoryService(read_environment({"STATE_DIR": str(folder), **given}), desk_settings())
        desk = open_desk(folder, wrap_feed=partial(remembering, memory), memory=memory)
        memory.open(desk.ledger)
        reports = desk.run(moments(4))
        assert any("remembered:" in reason for r in reports for d in r.plan.decisions for reason in d.reasons)
        dumps.append(desk.ledger.dump())
        memory.stop()
        desk.close()
    assert dumps[0] == dumps[1]


def remembering(memory: MemoryService, feed: Feed, ledger: SqliteLedger, factors: FactorStore) -> Feed:
    return memory.recalling(feed, ledger, factors, RegimeTracker(desk_settings().regime))


# --- the command ------------------------------------------------------------------------------------------------


def test_rebuild_writes_the_graph_anew(
    graph_server: GraphServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = some_days(2, tmp_path / "ledger.sqlite")
    given = {"STATE_DIR": str(tmp_path), **variables(graph_server)}
    counts = []
    for _ in range(2):
        assert main(["rebuild"], given) == 0
        counts.append(asyncio.run(counted(graph_server)))
        assert f"{232} ledger rows written to {graph_server.uri}" in capsys.readouterr().out
    assert counts[0] == counts[1]
    assert main(["rebuild", "--store", "sqlite"], given) == 0
    assert "memory.sqlite" in capsys.readouterr().out
    ledger.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "There is no ledger at"),
        ({"NEO4J_URI": f"bolt://127.0.0.1:{free_ports(1)[0]}"}, "failed"),
    ],
)
def test_a_rebuild_that_cannot_be_says_why(
    given: dict[str, str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if given:
        some_days(2, tmp_path / "ledger.sqlite").close()
    assert main(["rebuild"], {"STATE_DIR": str(tmp_path), **given}) == 1
    assert said in capsys.readouterr().err
