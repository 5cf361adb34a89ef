"""Every command that a page shows is parsed or run by a test, or stands below with why it cannot be run here."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from backtest.app.cli import parser
from cli.app import app
from tests.integration.test_readme import CURLS
from tests.servers.daemon import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "AGENTS.md", "SKILL.md", "SECURITY.md")),
    *(ROOT / name for name in ("config/mcp-servers.md", "openclaw/README.md", "user/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
SHELLS = ("", "sh", "bash", "console", "shell")
BLANKS = {"DECISION_ID": "d-1", "CODE": "c0de", "FILE": "README.md", "NAME": "mine", "PATH": "."}
NOT_HERE = {
    "python -m venv venv": "makes an environment; deploy/venv.sh is run by test_installation.py",
    "venv/bin/pip install": "loads gigabytes",
    "venv/bin/python server.py": "python server.py itself is run by many tests",
    "wscat ": "a client of npm's; the address is listened to in test_readme.py",
    "export ALPACA_": "somebody's keys",
    "sudo ": "changes the machine; the unit is verified in test_deploy.py",
    "docker compose ": "needs a docker daemon; the file is checked in test_deploy.py",
    "NEO4J_PASSWORD=... docker compose ": "the same",
    "openclaw ": "needs the gateway; make test-openclaw runs a real one",
    "claude mcp add ": "needs that assistant; both transports are called by a client in tests/cli/test_mcp.py",
    "node --test openclaw/test/": "run by tests/openclaw/test_plugin_units.py with the same files",
}
"""How a command begins that no test can run, and why."""


class Shown(NamedTuple):
    """A command, and the page that shows it."""

    page: str
    line: str


def shown_in(page: Path) -> Iterator[Shown]:
    """Yield the lines of a page's shell blocks: indented by four, or fenced as a shell's or as nothing."""
    language: str | None = None
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("```"):
            language = line[3:].strip() if language is None else None
        elif language in SHELLS or (language is None and re.match(r" {4}\S", line)):
            yield Shown(str(page.relative_to(ROOT)), line.strip())


SHOWN = [shown for page in PAGES for shown in shown_in(page)]
HERE = [shown for shown in SHOWN if not shown.line.startswith(tuple(NOT_HERE))]


def test_commands_are_found_and_no_reason_is_left_over() -> None:
    assert len(SHOWN) > 80
    assert len({shown.page for shown in SHOWN}) > 12
    assert [why for why in NOT_HERE if not any(shown.line.startswith(why) for shown in SHOWN)] == []


@pytest.mark.parametrize("shown", HERE, ids=lambda shown: f"{shown.page}: {shown.line[:70]}")
def test_every_command_can_be_typed(shown: Shown) -> None:
    words = [re.sub(r"\b(?:NAME|PATH)\b", _blank, BLANKS.get(word, word)) for word in words_of(shown.line)]
    program, *rest = words
    match program, *rest:
        case ["curl", *_]:
            assert words_of(shown.line) in CURLS, "test_readme.py sends those of the README"
        case ["make", target, *_]:
            assert dry_run(target) == 0
        case ["trading-engine", *arguments]:
            take_in(arguments)
        case ["python", ("backtest_pipeline.py" | "backtest_v8.py") as script, *arguments]:
            parser("quant_v8" if script == "backtest_v8.py" else "pipeline").parse_args(arguments)
        case ["python", "-m", module, *_]:
            assert find_spec(module) is not None
            tests = (path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
            assert any(module in text for text in tests), f"no test runs {module}"
        case ["python", script, *_]:
            assert (ROOT / script).is_file()
        case _:
            raise AssertionError(f"{shown.page} shows a command that nothing runs: {shown.line}")


def words_of(line: str) -> Sequence[str]:
    return shlex.split(line, comments=True)


def _blank(found: re.Match[str]) -> str:
    return BLANKS[found[0]]


@cache
def dry_run(target: str) -> int:
    return subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False).returncode


def take_in(arguments: Sequence[str]) -> None:
    """Parse a command of ours as it would be, without doing it; a usage error says what is wrong."""
    command, name, words = typer.main.get_command(app), "trading-engine", list(arguments)
    words = ["README.md" if re.fullmatch(r"engine-.*\.tar\.gz", word) else word for word in words]
    while hasattr(command, "commands"):
        name, *words = words
        assert name in command.commands, f"there is no command {name}"
        command = command.commands[name]
    command.make_context(name, words)


def test_a_command_that_nothing_runs_fails() -> None:
    with pytest.raises(AssertionError, match="nothing runs"):
        test_every_command_can_be_typed(Shown("a page", "rm -rf build"))
    with pytest.raises(AssertionError, match="no command"):
        test_every_command_can_be_typed(Shown("a page", "trading-engine sttus"))
