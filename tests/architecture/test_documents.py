"""What the documents name is in the repository: files, folders, and nothing that a reader could not look up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.test_imports import ROOT

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
FRONT = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")]
FOR_ASSISTANTS = [ROOT / name for name in ("AGENTS.md", "SKILL.md", "llms.txt", "config/mcp-servers.md")]
WRITTEN_LATER = (
    "state", "models/registry", "config/trading.json", "config/risk.json", ".venv", "trading.json", "risk.json",
)  # fmt: skip
ROOMS = "|".join(sorted(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")))
PATH = re.compile(rf"(?<![\w/.:-])((?:{ROOMS})/[\w./-]+)")
ELSEWHERE = re.compile(r"\b(?:issue|pull request|commit) #?[0-9a-f]+\b|\bDESIGN\b|\bCONTRACT\b", re.IGNORECASE)


@pytest.mark.parametrize("document", [*FRONT, *FOR_ASSISTANTS, *DECISIONS], ids=lambda path: path.name)
def test_each_path_named_exists(document: Path) -> None:
    named = {found.rstrip(".,:/") for found in PATH.findall(document.read_text("utf-8"))}
    gone = [name for name in sorted(named) if not name.startswith(WRITTEN_LATER) and not exists(name)]
    assert gone == []


@pytest.mark.parametrize("document", DECISIONS, ids=lambda path: path.name)
def test_a_decision_stands_by_itself(document: Path) -> None:
    assert ELSEWHERE.findall(document.read_text("utf-8")) == []


@pytest.mark.parametrize("document", [*FRONT, *FOR_ASSISTANTS], ids=lambda path: path.name)
def test_each_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (document.parent / link).exists()] == []


def test_the_pattern_sees_paths() -> None:
    assert PATH.findall("see `risk/limits.py` and docs/decisions.") == ["risk/limits.py", "docs/decisions."]
    assert not exists("risk/no_such_file.py")
    assert ELSEWHERE.search("the closing note of issue 3")


def exists(name: str) -> bool:
    return (ROOT / name).exists()
