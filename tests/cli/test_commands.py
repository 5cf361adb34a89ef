"""Each command against a real daemon: its table, its JSON by the API's own document, its exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import typer

from cli.app import EXIT_NO_DAEMON, EXIT_REFUSED, EXIT_SETTINGS, app
from tests.cli.conftest import CommandLine, begin, run, wait_for_answer
from tests.servers.daemon import ROOT, free_port

HELD = "HELD"
JSON_OF = {
    "status": ("/status", "get"),
    "positions": ("/positions", "get"),
    "trades": ("/trades", "get"),
    "scoreboard": ("/scoreboard", "get"),
    "letter": ("/letter", "post"),
    f"sell {HELD} 1 --yes": ("/sell", "post"),
    "decide": ("/decide/v3", "post"),
    "decide NVDA aapl --as-of 2026-01-05": ("/decide/v3", "post"),
    "why": ("/decisions/{decision_id}", "get"),
    "halt": ("/halt", "post"),
    "resume": ("/resume", "post"),
    "flatten --yes": ("/flatten", "post"),
    "scan": ("/scan", "post"),
    "rank": ("/quant/rank", "post"),
    "jobs": ("/jobs", "get"),
    "retrain": ("/jobs/{job_id}", "get"),
    "backtest --strategy quant_v8 --start 2026-01-05 --end 2026-01-09": ("/jobs/{job_id}", "get"),
    "train NVDA KO --timesteps 1000 --no-wait": ("/jobs/{job_id}", "get"),
}
"""Each command that answers with the API's JSON, as it is typed; HELD is a ticker that is held."""
JSON_ELSEWHERE = {
    "live": "tests/integration/test_alpaca_daemon.py",
    "doctor": "tests/cli/test_doctor.py",
    "watch": "tests/integration/test_watch.py",
    "check": "tests/cli/test_plugins.py",
    "universe check": "tests/unit/cli/test_universe.py",
    "universe show": "tests/unit/cli/test_universe.py",
    "config show": "tests/cli/test_config.py",
    "config explain": "tests/cli/test_config.py",
    "plugins": "tests/cli/test_plugins.py",
}
"""Commands whose JSON is their own, and where it is tested."""
NO_JSON = {
    "run": "tests/cli/test_commands.py",
    "demo": "tests/cli/test_demo.py",
    "mcp": "tests/cli/test_mcp.py",
    "export": "tests/cli/test_files.py",
    "backup": "tests/cli/test_files.py",
    "restore": "tests/cli/test_files.py",
    "new": "tests/integration/test_first_agent.py",
    "config set": "tests/cli/test_config.py",
    "config unset": "tests/cli/test_config.py",
}
"""Commands that write no JSON, and where they are tested."""
MINUTES = {"universe hindsight"}
"""Commands of several whole backtests: their parts are tested, they themselves are not."""


def leaves(command: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    for name, one in command.commands.items():
        if hasattr(one, "commands"):
            yield from leaves(one, f"{above}{name} ")
        else:
            yield f"{above}{name}", one


LEAVES = dict(leaves(typer.main.get_command(app)))


def test_every_command_is_tested() -> None:
    of_the_api = {typed.split()[0] for typed in JSON_OF}
    assert sorted([*of_the_api, *JSON_ELSEWHERE, *NO_JSON, *MINUTES]) == sorted(LEAVES)
    takes_json = {name for name, one in LEAVES.items() if any(p.name == "as_json" for p in one.params)}
    assert takes_json == of_the_api | set(JSON_ELSEWHERE) | MINUTES
    for name, place in (JSON_ELSEWHERE | NO_JSON).items():
        written = (ROOT / place).read_text("utf-8")
        assert all(f'"{word}"' in written for word in name.split()), f"{place} does not run {name}"


def test_a_part_of_what_is_held_is_sold_and_what_is_not_held_refused(command: CommandLine) -> None:
    held = [one["ticker"] for one in command.daemon.answer("/positions")["positions"]]
    ticker = held[0]  # before a test that flattens
    assert f"Sell 2 {ticker} now?" in command("sell", ticker.lower(), "2", asked="n\n", code=1)
    orders = command.daemon.answer("/orders?limit=500")["orders"]
    assert ticker not in [one["ticker"] for one in orders if one["status"] not in ("filled", "expired")]
    written = command("sell", ticker.lower(), "2", asked="y\n")
    assert ticker in written
    assert "built-in paper broker" in written
    foreign = next(stock for stock in ("KO", "MSFT", "AAPL") if stock not in held)
    assert "position_held" in command("sell", foreign, "--yes", code=EXIT_REFUSED)


@pytest.mark.parametrize("typed", JSON_OF)
def test_json_is_what_the_document_of_the_api_says(typed: str, command: CommandLine) -> None:
    if typed.startswith("train"):
        pytest.importorskip("stable_baselines3")
    held = [one["ticker"] for one in command.daemon.answer("/positions")["positions"]]
    words = [held[-1] if word == HELD else word for word in typed.split()]
    answer = json.loads(command(*words, "--json"))
    assert answer
    schema = command.schema_of(*JSON_OF[typed])
    jsonschema_rs.validator_for(schema).validate(answer)
    command("resume")


def test_real_money_cannot_be_confirmed_where_there_is_none(command: CommandLine) -> None:
    assert "trading-engine doctor --live" in command("live", "c0de", code=EXIT_REFUSED)


@pytest.mark.parametrize(
    ("typed", "completed"), [("trading-engine sta", {"status"}), ("trading-engine config s", {"set", "show"})]
)
def test_words_are_completed(typed: str, completed: set[str]) -> None:
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    done = run(_TRADING_ENGINE_COMPLETE="complete_bash", **asked)
    assert set(done.stdout.split()) == completed
    # typer goes by the shell that asks, which under make is none that it completes in
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    assert "_TRADING_ENGINE_COMPLETE=complete_bash" in run("--show-completion", "bash", **named).stdout


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
    written = command("why", decided["decision_id"], start=run)
    assert all(one["ticker"] in written for one in decided["decisions"])
    assert "market " in written


def test_a_person_halts_and_resumes(command: CommandLine) -> None:
    assert "halted" in command("halt", "a test")
    assert "a test" in command("status")
    assert "active" in command("resume")


def test_tables_are_made_of_the_answers(command: CommandLine) -> None:
    assert "Semiconductors" in command("scan")
    assert len(command("rank", "--top", "3").splitlines()) < 10
    assert "equity" in command("positions", start=run)
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
    command("flatten", asked="n\n", code=1, start=run)
    assert command.daemon.answer("/status")["trading_state"] == before


def test_what_the_daemon_refuses_is_said_with_its_hint(command: CommandLine) -> None:
    written = command("why", "no-such-decision", code=EXIT_REFUSED, start=run)
    assert "There is no decision no-such-decision." in written
    assert "GET /decisions lists them." in written


def test_a_wrong_use_has_its_own_code(command: CommandLine) -> None:
    assert "No such command" in command("statsu", code=EXIT_SETTINGS, start=run)


def test_no_daemon_says_how_to_start_one() -> None:
    done = run("status", TRADING_PORT=str(free_port()))
    assert done.returncode == EXIT_NO_DAEMON
    assert "trading-engine run" in done.stderr
    assert done.stdout == ""
