"""Nobody writes an engine's state from outside: it changes by the engine's own methods."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pipeline.engine import Engine

ROOT = Path(__file__).parents[2]
OWN_FILE = "pipeline/engine.py"
LEFT_OUT = {".venv", "build", "node_modules", ".git"}


def outside_writes(source: str) -> list[str]:
    """List the writes to an attribute of what is called an engine, and the uses of its private names."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Attribute) or _name(node.value) != "engine":
            continue
        if isinstance(node.ctx, ast.Store | ast.Del) or node.attr.startswith("_"):
            found.append(f"{node.lineno}: engine.{node.attr}")
    return found


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr.lstrip("_")
    return node.id.lstrip("_") if isinstance(node, ast.Name) else ""


def test_nobody_writes_it_from_outside() -> None:
    files = [path for path in ROOT.rglob("*.py") if not LEFT_OUT & set(path.relative_to(ROOT).parts)]
    assert len(files) > 200
    found = {
        name: writes
        for path in files
        if (name := path.relative_to(ROOT).as_posix()) != OWN_FILE
        and (writes := outside_writes(path.read_text("utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "planted",
    ["engine.notes = ()", "self._engine.last_view = view", "desk.engine.faults += 1", "del engine.state",
     "service.engine._rebase()"],
)  # fmt: skip
def test_a_planted_write_is_found(planted: str) -> None:
    assert outside_writes(planted)


def test_what_is_public_of_it_is_read_only() -> None:
    public = {name: value for name, value in vars(Engine).items() if not name.startswith("_")}
    assert {"portfolio", "state", "last_report", "last_view", "faults", "parts"} <= public.keys()
    for name, value in public.items():
        assert callable(value) or (isinstance(value, property) and value.fset is None), name
