"""A broker whose answers are spoilt at random: each is its fault, none is a bug, and the book ends right."""

from __future__ import annotations

import copy
import dataclasses
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.risk import RiskSettings
from core.ids import is_protective
from core.types import Decision, TradingState
from pipeline.engine import Engine
from pipeline.protection import RestingProtection
from pipeline.reconciliation import recover
from risk.build import brackets_by
from tests.account_engine import AccountEngine, account_engine
from tests.servers.alpaca_broker_desk import Desk
from tests.servers.local_http import Answer, Asked, Outcome
from tests.small_engine import enter, leave

WRONG: tuple[Any, ...] = (
    None, "", "x", [], {}, "NaN", "Infinity", "1e999999999", "9" * 5_000, "-", True, [None], {"a": 1}, "1,000.00",
)  # fmt: skip
"""What stands in a field's place; to tell a lie that can be read is another matter."""
BODIES: tuple[Any, ...] = (
    None,
    [],
    {},
    [None],
    ["x"],
    "x",
    7,
    b"<html>busy</html>",
    b"",
    b"[",
    b'{"a": NaN}',
    [[]],
)
WORDS = frozenset({"id", "order_id", "client_order_id", "symbol", "side", "activity_type", "status"})
WORDLESS: tuple[Any, ...] = (None, "", [], {}, True, 7)
"""In place of a word: another word would be a lie."""
OPTIONAL = frozenset({"group_id", "replaced_by", "replaces", "legs"})
"""Left as they are: a null here is an answer that can be read."""


class Spoiler:
    """Spoils one field, or the whole body, of some answers."""

    def __init__(self, answer: Callable[[Asked], Outcome], seed: int) -> None:
        self._answer = answer
        self._dice = random.Random(seed)
        self.share = 0.0
        self.spoilt: list[str] = []

    def answer(self, asked: Asked) -> Outcome:
        outcome = self._answer(asked)
        if not isinstance(outcome, Answer) or outcome.status != 200 or self._dice.random() >= self.share:
            return outcome
        rows = list(_rows(body := copy.deepcopy(outcome.body)))
        if not rows or self._dice.random() < 0.2:
            body = self._dice.choice(BODIES)
            name = repr(body)
        else:
            row = self._dice.choice(rows)
            name = self._dice.choice([field for field in row if field not in OPTIONAL])
            if self._dice.random() < 0.3:
                del row[name]
            else:
                row[name] = self._dice.choice(WORDLESS if name in WORDS else WRONG)
        self.spoilt.append(f"{asked.method} {asked.path}: {name}")
        return Answer(status=200, body=body)


def _rows(body: Any) -> Iterator[dict[str, Any]]:
    for row in body if isinstance(body, list) else [body]:
        if isinstance(row, dict):
            yield row
            yield from _rows(row.get("legs") or [])


@pytest.mark.parametrize("seed", range(12))
def test_what_cannot_be_read_halts_nothing_doubles_nothing_and_the_book_ends_right(
    seed: int, tmp_path: Path
) -> None:
    with account_engine(tmp_path, seed=seed) as made:
        made.stand_in.conformance = None  # that is the point
        spoiler = Spoiler(made.stand_in._answer, seed)
        made.stand_in._answer = spoiler.answer  # type: ignore[method-assign]  # between the broker and its wire
        made.engine = _with_stops(made)
        recover(made.engine)
        made.tick(minutes=5)
        dice, failed = random.Random(seed), 0
        for share in (0.15, 0.4, 0.15):
            spoiler.share = share
            for _ in range(6):
                failed += made.fails(*_wanted(dice, made))
                if dice.random() < 0.2:
                    made.by_hand("SPY", 1, "buy")
                made.tick(minutes=5)
        spoiler.share = 0.0
        assert failed and len(spoiler.spoilt) > 10
        assert any(is_protective(name) for name in made.stand_in.book.post_attempts)
        assert made.engine.state in (TradingState.ACTIVE, TradingState.REDUCING), spoiler.spoilt
        for _ in range(3):
            made.fails()
            made.tick(minutes=5)
        _compare(made, spoiler)


def _with_stops(made: AccountEngine) -> Engine:
    """Make the engine whose stops rest at the broker."""
    parts = made.engine.parts
    resting = RestingProtection(
        keeper=made.broker._stops, brackets_of=brackets_by(RiskSettings), events=parts.events, clock=parts.clock
    )
    return Engine(dataclasses.replace(parts, protection=resting))


def _wanted(dice: random.Random, made: AccountEngine) -> list[Decision]:
    held = sorted(made.engine.portfolio.positions)
    out = [enter(dice.choice(("AAPL", "JPM", "XOM")), 0.05)]
    return [*out, leave(dice.choice(held))] if held and dice.random() < 0.6 else out


def _compare(made: AccountEngine, spoiler: Spoiler) -> None:
    book = made.stand_in.book
    with book.lock:
        assert max(book.post_attempts.values()) == 1, "an order was sent twice"
        Desk(book).tick(book.now, {})
        theirs = {name: held.quantity for name, held in book.holdings.items()}
        ours = {name: held.quantity for name, held in made.engine.portfolio.positions.items()}
        last = made.engine.parts.account_check.last
        assert last is not None
        for name, quantity in ours.items():
            assert quantity <= theirs.get(name, Decimal(0)), (last.differences, spoiler.spoilt)
        assert not last.differences, (last.differences, spoiler.spoilt)
