"""The pages build without a broken link, hold every setting and call, and show commands that there are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.app import app
from config.reference import setting_keys
from tests.servers.daemon import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("mkdocs", reason="the pages are built with the extra `dev`")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_every_setting_stands_on_its_page(site: Path) -> None:
    page = (site / "reference" / "configuration.html").read_text("utf-8")
    keys = setting_keys()
    assert len(keys) > 150
    assert [key.path for key in keys if f"<code>{key.path}</code>" not in page] == []


def test_every_call_and_every_command_stands_on_its_page(site: Path) -> None:
    calls = (site / "reference" / "rest.html").read_text("utf-8")
    assert "POST /decide/v3" in calls
    assert "GET /positions" in calls
    commands = (site / "reference" / "command-line.html").read_text("utf-8")
    assert [name for name, _ in leaves("trading-engine", group()) if name not in commands] == []


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    fetched = re.compile(r'<(?:script|img)[^>]+src="https?:|<link[^>]+stylesheet[^>]+href="https?:')
    assert [page.name for page in site.rglob("*.html") if fetched.search(page.read_text("utf-8"))] == []


def group() -> Any:
    return typer.main.get_command(app)


def leaves(above: str, command: Any) -> Iterator[tuple[str, Any]]:
    for name, one in command.commands.items():
        if hasattr(one, "commands"):
            yield from leaves(f"{above} {name}", one)
        else:
            yield f"{above} {name}", one
