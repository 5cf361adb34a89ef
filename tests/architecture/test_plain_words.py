"""What a library raised is never said as it is: every message goes through `core.plain_words`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import errors
from tests.architecture.test_imports import ROOT, sources

OURS = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
OURS |= {"YahooUnavailable", "RequestRefused", "Unanswered", "NoDaemonError", "ProblemError"}
CLEANED = {"plain_reason", "plain_text", "json_fault"}
SAYING = {"str", "repr"}


def raw_messages(source: str) -> Iterator[str]:
    """Name the places where an exception that is not ours is put into a text."""
    for handler in ast.walk(ast.parse(source)):
        if isinstance(handler, ast.ExceptHandler) and handler.name and not _is_ours(handler.type):
            for statement in handler.body:
                yield from _said(statement, handler.name)


def _is_ours(caught: ast.expr | None) -> bool:
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return all(isinstance(kind, ast.Name) and kind.id in OURS for kind in kinds)


def _said(node: ast.AST, name: str) -> Iterator[str]:
    """Yield where `name` is formatted, made a string or handed to a log, outside of what cleans it."""
    if isinstance(node, ast.Call):
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called in CLEANED or called == "exception":
            return
        is_log = called in ("debug", "info", "warning", "error", "critical")
        if (called in SAYING or is_log) and any(isinstance(a, ast.Name) and a.id == name for a in node.args):
            yield f"line {node.lineno}: {called}({name})"
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name) and node.value.id == name:
        yield f"line {node.lineno}: {{{name}}}"
    for child in ast.iter_child_nodes(node):
        yield from _said(child, name)


@pytest.mark.parametrize("path", [p.relative_to(ROOT).as_posix() for p in sources()])
def test_no_message_holds_what_a_library_raised(path: str) -> None:
    assert list(raw_messages(Path(ROOT / path).read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "planted",
    ["raise DataError(f'It broke: {error}.')", "fault = str(error)", "log.warning('broken: %s', error)"],
)
def test_a_planted_one_is_seen(planted: str) -> None:
    assert list(raw_messages(f"try:\n    work()\nexcept OSError as error:\n    {planted}\n"))
    assert not list(raw_messages(f"try:\n    work()\nexcept DataError as error:\n    {planted}\n"))
