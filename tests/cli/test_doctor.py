"""The doctor on a machine with faults, and on one beside a running daemon."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.cli.conftest import CommandLine, run, run_here

QUIET = {"DATA_PROVIDER": "simulated"}  # asks no vendor


def test_three_faults_are_three_things_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.listen()
        port = str(other.getsockname()[1])
        # nothing is ever answered on that port, so the question must give up by itself
        done = run(
            "doctor", "--json", TRADING_PORT=port, ALPACA_API_KEY="half-a-pair", STATE_DIR=str(tmp_path / "no"),
            FINBERT_PATH=str(tmp_path), **QUIET,
        )  # fmt: skip
    assert done.returncode == 1
    found = {one["check"]: one for one in json.loads(done.stdout)}
    assert found["port"]["verdict"] == "fault"
    assert found["environment"]["verdict"] == "fault"
    assert "ALPACA_SECRET_KEY is missing" in found["environment"]["found"]
    assert all(one["to_do"] for one in found.values() if one["verdict"] in ("fault", "warning"))
    assert "half-a-pair" not in done.stdout + done.stderr


def test_a_sound_machine_has_no_fault(command: CommandLine, tmp_path: Path) -> None:
    done = run_here("doctor", TRADING_PORT=str(command.daemon.port), STATE_DIR=str(tmp_path), **QUIET)
    assert done.returncode == 0, done.stdout
    assert "a daemon answers" in done.stdout
    assert "built-in paper broker" in done.stdout


def test_a_variable_that_is_misspelt_is_said(tmp_path: Path) -> None:
    done = run_here("doctor", TRADING_API_TOKN="x" * 20, STATE_DIR=str(tmp_path), **QUIET)
    assert "TRADING_API_TOKN" in done.stdout


def test_the_switches_for_real_money_are_walked_through() -> None:
    keys = {"ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s", "ALPACA_PAPER": "false"}
    dry = run_here("doctor", "--live", **keys)
    assert "Orders would go to: nowhere: dry run against the live account." in dry.stdout
    assert "LIVE_TRADING: false (real money would need true)" in dry.stdout
    assert run_here("doctor", "--live", LIVE_TRADING="true").stdout.count("would not start") == 1
