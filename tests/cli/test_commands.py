"""Each command against a real daemon: its table, its JSON by the API's own document, its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest

from cli.app import EXIT_NO_DAEMON, EXIT_REFUSED, EXIT_SETTINGS
from tests.cli.conftest import CommandLine, begin, run, wait_for_answer
from tests.servers.daemon import free_port

JSON_OF = {
    "status": ("/status", "get"),
    "positions": ("/positions", "get"),
    "trades": ("/trades", "get"),
    "why": ("/decisions/{decision_id}", "get"),
    "halt": ("/halt", "post"),
    "resume": ("/resume", "post"),
    "flatten --yes": ("/flatten", "post"),
    "decide": ("/decide/v3", "post"),
    "decide NVDA aapl --as-of 2026-01-05": ("/decide/v3", "post"),
    "scan": ("/scan", "post"),
    "rank": ("/quant/rank", "post"),
    "jobs": ("/jobs", "get"),
    "retrain": ("/jobs/{job_id}", "get"),
}


@pytest.mark.parametrize("typed", JSON_OF)
def test_json_is_what_the_document_of_the_api_says(typed: str, command: CommandLine) -> None:
    answer = json.loads(command(*typed.split(), "--json"))
    assert answer
    schema = command.schema_of(*JSON_OF[typed])
    jsonschema_rs.validator_for(schema).validate(answer)
    command("resume")


def test_the_validation_catches_a_wrong_answer(command: CommandLine) -> None:
    answer = json.loads(command("positions", "--json"))
    del answer["equity"]
    assert not jsonschema_rs.is_valid(command.schema_of("/positions", "get"), answer)


def test_status_says_where_orders_go_and_what_is_degraded(command: CommandLine) -> None:
    written = command("status")
    assert "built-in paper broker" in written
    assert "simulated" in written
    assert "cron_decide" in written


def test_why_gives_each_decision_with_its_votes(command: CommandLine) -> None:
    decided = command.daemon.answer("/decide/v3", "POST")
    assert decided["decisions"]
    written = command("why", decided["decision_id"])
    assert all(one["ticker"] in written for one in decided["decisions"])
    assert "market " in written


def test_a_person_halts_and_resumes(command: CommandLine) -> None:
    assert "halted" in command("halt", "a test")
    assert "a test" in command("status")
    assert "active" in command("resume")


def test_tables_are_made_of_the_answers(command: CommandLine) -> None:
    assert "Semiconductors" in command("scan")
    assert len(command("rank", "--top", "3").splitlines()) < 10
    assert "equity" in command("positions")
    assert "profit" in command("trades")
    assert "cron_weekly_retrain" in command("jobs")


def test_long_work_shows_its_job_and_its_failure(command: CommandLine) -> None:
    began = json.loads(command("retrain", "--no-wait", "--json"))
    assert began["job_id"] in command("jobs")
    again = command("retrain", code=EXIT_REFUSED)
    assert "running" in again or "runs" in again
    command.daemon.wait_idle()
    assert "samples" in command("jobs", began["job_id"])


def test_the_daemon_is_started_by_the_command(tmp_path: Path) -> None:
    port = free_port()
    started = begin("run", "--port", str(port), STATE_DIR=str(tmp_path), DATA_PROVIDER="simulated")
    try:
        wait_for_answer(started, port)
    finally:
        started.terminate()
        assert started.wait(30) == 0


def test_flatten_says_what_is_left_and_resume_what_is_taken_over(command: CommandLine) -> None:
    assert "decisions" in command("flatten", "--yes")
    assert command.daemon.answer("/status")["trading_state"] == "reducing"
    assert "active" in command("resume")


def test_flatten_asks_first(command: CommandLine) -> None:
    before = command.daemon.answer("/status")["trading_state"]
    command("flatten", asked="n\n", code=1)
    assert command.daemon.answer("/status")["trading_state"] == before


def test_what_the_daemon_refuses_is_said_with_its_hint(command: CommandLine) -> None:
    written = command("why", "no-such-decision", code=EXIT_REFUSED)
    assert "There is no decision no-such-decision." in written
    assert "GET /decisions lists them." in written


def test_a_wrong_use_has_its_own_code(command: CommandLine) -> None:
    assert "No such command" in command("statsu", code=EXIT_SETTINGS)


def test_no_daemon_says_how_to_start_one() -> None:
    done = run("status", TRADING_PORT=str(free_port()))
    assert done.returncode == EXIT_NO_DAEMON
    assert "trading-engine run" in done.stderr
    assert done.stdout == ""
