"""Settings shown, explained, set and unset, and new plug-ins begun, as typed in a copy of the project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.app import EXIT_REFUSED, EXIT_SETTINGS
from config.reference import setting_keys
from tests.integration.test_first_agent import fresh_copy
from tests.servers.daemon import OURS

Typed = Callable[..., subprocess.CompletedProcess[str]]
FORKS = """
import json, os, sys
import cli.doctor.command, config.loader, config.reference
from cli.app import main
for line in sys.stdin:
    words, variables = json.loads(line)
    child = os.fork()
    if not child:
        for number, path in enumerate(sys.argv[1:], 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.argv[1:] = words
        os.environ.update(variables)
        sys.exit(main())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fresh_copy(tmp_path_factory.mktemp("copy") / "engine")


@pytest.fixture(scope="module")
def typed(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typed]:
    """Run a command of the copy in a fork of a process that has imported it: an import takes half a second."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    out, err = (tmp_path_factory.mktemp("typed") / name for name in ("out", "err"))
    with subprocess.Popen(
        [sys.executable, "-c", FORKS, str(out), str(err)], cwd=home, env={**kept, "PYTHONPATH": str(home)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip

        def run(*words: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
            assert parent.stdin and parent.stdout
            parent.stdin.write(json.dumps([words, variables]) + "\n")
            parent.stdin.flush()
            ended = int(parent.stdout.readline())
            done = subprocess.CompletedProcess(words, ended, out.read_text(), err.read_text())
            assert done.returncode == code, done.stdout + done.stderr
            return done

        yield run


def test_every_key_is_shown_with_where_it_is_from(typed: Typed) -> None:
    shown = json.loads(typed("config", "show", "--json").stdout)
    assert set(shown) == {f"{key.file}.{key.path}" for key in setting_keys()}
    assert shown["risk.portfolio_limits.max_positions"] == {"value": 10, "from": "default"}


def test_a_key_is_set_explained_and_unset(typed: Typed, home: Path) -> None:
    key = "portfolio_limits.max_positions"
    assert "takes it at its next step" in typed("config", "set", key, "7").stdout
    assert json.loads((home / "config/risk.json").read_text()) == {"portfolio_limits": {"max_positions": 7}}
    about = json.loads(typed("config", "explain", key, "--json").stdout)
    assert (about["now"], about["from"], about["default"]) == (7, "risk.json", 10)
    assert key in typed("config", "show", "--own").stdout
    typed("config", "unset", key)
    assert json.loads(typed("config", "explain", key, "--json").stdout)["now"] == 10


def test_what_cannot_be_used_is_not_written(typed: Typed, home: Path) -> None:
    before = (home / "config/risk.json").read_bytes() if (home / "config/risk.json").exists() else None
    assert "max_positions" in typed("config", "set", "max_positons", "7", code=EXIT_SETTINGS).stderr
    typed("config", "set", "portfolio_limits.max_positions", "many", code=EXIT_SETTINGS)
    assert ((home / "config/risk.json").read_bytes() if before is not None else None) == before


@pytest.mark.parametrize("kind", ["strategy", "profile"])
def test_what_is_begun_can_be_used_at_once_and_is_written_once(kind: str, typed: Typed) -> None:
    assert "written: " in typed("new", kind, "mine_too").stdout
    assert "is there already" in typed("new", kind, "mine_too", code=EXIT_REFUSED).stderr
    typed("config", "set", kind, "mine_too")
    typed("config", "unset", kind)


def test_three_switches_that_agree_are_real_money_and_the_first_purchase_is_asked_for(typed: Typed) -> None:
    typed("config", "set", "broker.mode", "live")
    switches = {"ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s", "ALPACA_PAPER": "false", "LIVE_TRADING": "true"}
    agreed = typed("doctor", "--live", **switches).stdout
    assert "Orders would go to: Alpaca live." in agreed
    assert "The first purchase waits for: trading-engine live CODE" in agreed
    for one in ("ALPACA_PAPER", "LIVE_TRADING"):
        fewer = {name: value for name, value in switches.items() if name != one}
        assert "No real money can be moved" in typed("doctor", "--live", **fewer).stdout
    typed("config", "unset", "broker.mode")
