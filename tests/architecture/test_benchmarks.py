"""A benchmark stands behind a figure that the README or a decision shows, and on none of the tests' modules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.test_imports import ROOT, imports_of

SCRIPTS = sorted((ROOT / "benchmarks").glob("*.py"))
SHOWN = [ROOT / "README.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))]
COMMAND = re.compile(r"benchmarks/(\w+\.py)")
HAS_MAIN = 'if __name__ == "__main__":'
HELPERS = {"history.py", "peers_bt.py", "stream_server.py"}
"""Scripts that a benchmark starts, or that prepare a state folder for one."""


def test_there_are_about_ten() -> None:
    assert 8 <= len([path for path in SCRIPTS if path.name.startswith("bench_")]) <= 15


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_it_imports_nothing_of_the_tests(path: Path) -> None:
    found = imports_of(path.read_text("utf-8"))
    assert found
    assert [module for module in found if module.split(".")[0] == "tests"] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_what_can_be_run_is_named_where_its_figure_is(path: Path) -> None:
    named = {name for text in SHOWN for name in COMMAND.findall(text.read_text("utf-8"))}
    assert HAS_MAIN not in path.read_text("utf-8") or path.name in named | HELPERS


def test_what_the_documents_name_exists() -> None:
    for text in SHOWN:
        for name in COMMAND.findall(text.read_text("utf-8")):
            assert (ROOT / "benchmarks" / name).is_file(), f"{text.name} names benchmarks/{name}"
