"""The command line's start: what every command pays, and what is typed wrong told before anything is sent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.daemon import ROOT, free_port

HEAVY = ("numpy", "pandas", "pydantic", "config", "fastapi", "matplotlib")


def test_the_commands_are_known_without_the_settings_and_what_comes_with_them() -> None:
    asked = (
        f"import sys, cli.app; print([name for name in {HEAVY} if name in sys.modules], cli.app.app.info.help)"
    )
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] A trading daemon for US stocks whose every decision can be replayed."


def run(*words: str, folder: Path = ROOT, **variables: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it wrote on standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "STATE_DIR": str(folder), **variables},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("port", ["abc", "0", "99999", "-1", "8787.5", "٣"])
def test_a_port_that_is_none_is_told(port: str) -> None:
    code, said = run("status", TRADING_PORT=port)
    assert code == 2
    assert "is no port" in said


def test_a_host_that_is_none_is_told() -> None:
    assert run("status", TRADING_PORT="8787", TRADING_HOST="exa\x07mple")[0] == 2


@pytest.mark.parametrize("token", ["sécret-word", "secret-word\nmore"])
def test_a_token_that_cannot_be_sent_is_told_and_never_shown(token: str) -> None:
    code, said = run("status", TRADING_PORT=str(free_port()), TRADING_API_TOKEN=token)
    assert code == 2
    assert "TRADING_API_TOKEN" in said
    assert "word" not in said


def test_nobody_there_is_said_without_a_number_of_the_operating_system() -> None:
    code, said = run("status", TRADING_PORT=str(free_port()))
    assert code == 3
    assert "the connection is refused" in said
    assert "Errno" not in said


@pytest.mark.parametrize("quantity", ["x", "0", "nan", "inf", "1,5"])
def test_what_is_no_number_of_shares_is_refused_before_anybody_is_asked(quantity: str) -> None:
    code, said = run("sell", "AAPL", quantity, TRADING_PORT=str(free_port()))
    assert code == 2
    assert "is no number of shares" in said
    assert "[y/N]" not in said


def test_a_letter_of_what_is_no_day_is_refused_before_the_daemon_is_asked() -> None:
    assert run("letter", "yesterday", TRADING_PORT=str(free_port()))[0] == 2


def test_a_list_that_is_none_is_told_with_how_it_is_written() -> None:
    code, said = run("config", "set", "watchlist.tickers", "AAPL")
    assert code == 2
    assert "a list of" in said
    assert "trading-engine config set watchlist.tickers '[" in said
