"""Nothing outside `adapters` asks for an adapter's concrete class: a port answers. Planted ones are caught."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.test_imports import ROOT, sources


def class_switches(source: str) -> list[str]:
    """Name the classes imported from `adapters` that an `isinstance` asks for."""
    tree = ast.parse(source)
    ours = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("adapters")
        for alias in node.names
    }
    asked = [
        name.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance"
        for name in ast.walk(node.args[1])
        if isinstance(name, ast.Name)
    ]
    return [name for name in asked if name in ours]


def test_nobody_asks_for_an_adapters_class() -> None:
    found = [path.relative_to(ROOT).as_posix() for path in sources()]
    outside = [path for path in found if not path.startswith("adapters/")]
    assert len(outside) > 40
    assert {path: wrong for path in outside if (wrong := class_switches((ROOT / path).read_text("utf-8")))} == {}


@pytest.mark.parametrize(
    "planted",
    [
        "from adapters.clock import SystemClock\nisinstance(clock, SystemClock)",
        "def f():\n    from adapters.parquet.bars import ParquetBars as P\n    return isinstance(x, int | P)",
        "from adapters.clock import ManualClock\nisinstance(x, (int, ManualClock))",
    ],
)
def test_a_planted_class_switch_is_caught(planted: str) -> None:
    assert len(class_switches(planted)) == 1
