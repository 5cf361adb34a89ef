"""One word for one idea: words that were given up are no name in the source, and a shared word has one home.

Names are classes, functions, methods, arguments, attributes, constants and modules; a function's own variables
are its own business.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.test_imports import ROOMS, ROOT

WORDS = {
    "voice": "agent", "voices": "agents", "speak": "signals",
    "opinion": "market analysis", "opinions": "market analyses", "opine": "analyse", "outlook": "market analysis",
    "book": "portfolio or account", "books": "portfolios", "rulebook": "strategy",
    "desk": "what it does: factory, service, tracker, reviewer", "desks": "what they do",
    "shelf": "provider", "shelves": "providers",
    "forgetful": "NullMemory", "untold": "no_events", "lesson": "TrainingSpec", "courier": "sender",
    "tell": "publish or message", "told": "message", "announce": "publish_events",
    "trip": "round trip", "trips": "round trips", "seal": "fingerprint", "seals": "fingerprints",
    "guards": "bracket: stop-loss and take-profit",
    "overrule": "apply_forced_exits", "walked": "with_intraday", "walking": "with_intraday",
    "conduct": "run_study", "intend": "mark_sending", "unbooked": "new_fills",
}  # fmt: skip
"""Given up wherever they stand in a name, and what is said instead."""
BOOKS_ARE_RANDOM = ("analysis/", "backtest/", "api/routes/backtest.py", "benchmarks/")
"""Where `books` alone are the random books that a strategy is held against."""
FIXED_TERMS = ("random_book", "random_books", "shadow_book", "shadow_books", "round_trip", "round_trips")
NAMES = {
    "Absent": "NullAgent", "that_concern": "drop_foreign_fills", "reminded": "attach_memories",
    "intended": "with_pending_orders", "Protection": "Bracket", "exact": "to_decimal", "capped": "clamp",
    "room": "headroom or broadcaster", "Room": "Broadcaster", "rooms": "broadcasters", "mark": "mark_to_market",
    "after_faults": "on_consecutive_errors", "switch_off": "ablation", "usable": "model_for", "tones": "scores",
    "Bench": "BacktestEngine", "bench": "backtest engine", "Parts": "EngineDependencies",
    "Stories": "what it does",
    "EventSubscription": "Subscriber", "StepGate": "YieldGate", "Wake": "SettleTrigger", "Silent": "NullEventBus",
    "Turn": "PositionEvent", "digest_of": "fingerprint", "Standing": "AccountSnapshot",
    "TopOfUniverse": "top_n_strategy", "give_back": "release_memory", "SectorAgent": "the file's own word",
}  # fmt: skip
"""Given up as whole names; a leading underscore does not make another of them."""
MODULES = {
    "aside": "yield gate", "answers": "schemas", "guard": "fault policy", "courier": "sender",
    "adapters/news/days": "trading-day cutoff", "adapters/news/stories": "dedup",
}  # fmt: skip
SHARED = (
    "Verdict", "Progress", "judge", "Moment", "Asked", "NewsSource", "Engine", "SqliteStore", "MemoryStore",
    "Metrics", "Row", "Seen", "Refused",
)  # fmt: skip
"""Words that once stood for several things: each may name one."""


@dataclass(frozen=True, order=True)
class Name:
    """A name and where it is given."""

    path: str
    line: int
    kind: str
    text: str


def words_of(text: str) -> list[str]:
    """Split snake_case and CamelCase into lower-case words."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+", text)]


def names_of(path: str, source: str) -> Iterator[Name]:
    """List the names a file gives, itself among them."""
    yield Name(path, 1, "module", path.removesuffix(".py"))
    yield from _names_in(ast.parse(source), path, in_function=False)


def _names_in(node: ast.AST, path: str, *, in_function: bool) -> Iterator[Name]:
    for child in ast.iter_child_nodes(node):
        inside = in_function
        if isinstance(child, ast.ClassDef):
            yield Name(path, child.lineno, "class", child.name)
            inside = False
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Name(path, child.lineno, "function", child.name)
            inside = True
        elif isinstance(child, ast.arg):
            yield Name(path, child.lineno, "argument", child.arg)
        elif isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Store):
            yield Name(path, child.lineno, "attribute", child.attr)
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store) and not in_function:
            yield Name(path, child.lineno, "attribute", child.id)
        yield from _names_in(child, path, in_function=inside or isinstance(child, ast.Lambda | ast.comprehension))


def why_wrong(name: Name) -> str:
    """Say which given-up word a name holds and what is said instead; empty when it holds none."""
    if name.kind == "module":
        for module, instead in MODULES.items():
            if name.text == module or (name.text.endswith(f"/{module}") and "/" not in module):
                return f"module {module}: say {instead}"
        text = name.text.rsplit("/", 1)[-1]
    else:
        text = name.text
    if text.lstrip("_") in NAMES:
        return f"{text}: say {NAMES[text.lstrip('_')]}"
    words = words_of(text)
    joined = "_".join(words)
    for term in FIXED_TERMS:
        joined = re.sub(rf"(?<![a-z]){term}(?![a-z])", "", joined)
    said = joined.split("_")
    if name.path.startswith(BOOKS_ARE_RANDOM):
        said = [word for word in said if word != "books"]
    wrong = next((word for word in said if word in WORDS), "")
    return f"{text}: for {wrong} say {WORDS[wrong]}" if wrong else ""


def sources() -> list[Path]:
    rooms = (*ROOMS, "benchmarks")
    return [p for room in rooms for p in sorted((ROOT / room).rglob("*.py"))] + sorted(ROOT.glob("*.py"))


@cache
def all_names() -> tuple[Name, ...]:
    """Read every source once for all the words."""
    return tuple(
        name
        for path in sources()
        for name in names_of(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    )


@pytest.mark.parametrize("room", sorted({p.relative_to(ROOT).parts[0] for p in sources()}))
def test_no_word_that_was_given_up_is_a_name(room: str) -> None:
    names = [name for name in all_names() if name.path.split("/")[0] == room]
    assert names
    wrong = sorted({f"{name.path}:{name.line} {said}" for name in names if (said := why_wrong(name))})
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("word", SHARED)
def test_a_word_that_stood_for_several_things_names_one(word: str) -> None:
    homes = defaultdict(list)
    for name in all_names():
        if name.kind in {"class", "function", "attribute"}:
            homes[name.text].append(f"{name.path}:{name.line}")
    assert homes, "no names were found at all"
    assert len(homes[word]) <= 1, "\n" + "\n".join(homes[word])


@pytest.mark.parametrize(
    ("planted", "caught"),
    [
        ("class OrderDesk: ...", True),
        ("def f(book): ...", True),
        ("class A:\n    def _tell(self): ...", True),
        ("class A:\n    def f(self):\n        self.shelf = 1", True),
        ("def _give_back(): ...", True),
        ("def f():\n    book = 1\n    return book", False),
        ("def random_books(random_book_count): ...", False),
        ("def round_trips(): ...", False),
        ("def trips(): ...", True),
        ("class Bookkeeping: ...", False),
        ("booked = 1", False),
    ],
)
def test_a_planted_word_is_caught(planted: str, caught: bool) -> None:
    assert any(why_wrong(name) for name in names_of("risk/planted.py", planted)) == caught
