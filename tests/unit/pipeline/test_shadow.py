"""Shadow books: what they do in each step of the account, and that nothing in them reaches it."""

from __future__ import annotations

from dataclasses import replace as changed

import pytest

from core.cycles import CYCLES, DECIDE, DECIDE_AND_SEND, FLATTEN, RISK_CHECK, SETTLE
from core.types import TradingState
from pipeline.engine import Engine
from pipeline.shadow import SeenView, ShadowBook, ShadowBooks, shadow_cycle
from tests.small_engine import SmallEngine, at_close, enter, small_engine


def shadow(seen: SeenView, name: str = "one", resume_after: int = 1) -> tuple[SmallEngine, ShadowBook]:
    small = small_engine()
    engine = Engine(changed(small.engine.parts, clock=seen, feed=seen))
    small.engine = engine
    return small, ShadowBook(name, engine, resume_after)


def test_a_book_steps_on_what_the_account_saw() -> None:
    account, seen = small_engine(), SeenView()
    small, book = shadow(seen)
    small.team.decisions = (enter("AAPL"),)
    books = ShadowBooks(seen, [book])
    for row in range(3):
        account.clock.set(at_close(row))
        report = account.engine.step(DECIDE_AND_SEND)
        books.step(account.engine.parts.feed.view(account.clock.now()), report.cycle)
    assert "AAPL" in book.engine.portfolio.positions
    assert not account.engine.portfolio.positions
    assert book.engine.last_report is not None
    assert book.engine.last_report.view_digest == report.view_digest
    assert not books.faults


def test_what_a_person_asks_of_the_account_is_not_done_in_shadow_books() -> None:
    view = small_engine().engine.parts.feed.view(at_close(0))
    assert shadow_cycle(FLATTEN, view) is SETTLE
    assert shadow_cycle(changed(DECIDE, symbols=("AAPL",)), view) is SETTLE
    assert shadow_cycle(RISK_CHECK, view) == RISK_CHECK
    assert not shadow_cycle(DECIDE, view).submits
    assert shadow_cycle(DECIDE, changed(view, market_open=True)).submits
    assert {shadow_cycle(cycle, view).name for cycle in CYCLES} <= {cycle.name for cycle in CYCLES}


def test_a_book_that_breaks_is_named_and_the_next_one_still_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    account, seen = small_engine(), SeenView()
    bad, broken = shadow(seen, "broken")
    _, sound = shadow(seen, "sound")
    books = ShadowBooks(seen, [broken, sound])

    def fail(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(bad.team, "__class__", type("Bad", (type(bad.team),), {"__slots__": (), "decide": fail}))
    view = account.engine.parts.feed.view(account.clock.now())
    books.step(view, DECIDE_AND_SEND)
    assert len(books.faults) == 1
    assert "broken" in books.faults[0]
    assert sound.engine.last_report is not None
    assert sound.engine.last_report.cycle == DECIDE_AND_SEND


def test_a_tripped_breaker_is_taken_back_after_so_many_sessions() -> None:
    account, seen = small_engine(), SeenView()
    _, book = shadow(seen, resume_after=2)
    states = []
    for row in range(5):
        seen.current = account.engine.parts.feed.view(at_close(row))
        book.step(SETTLE)
        if row == 0:
            book.engine.set_state(TradingState.HALTED, "planted")
        states.append(book.engine.state)
    assert states == [TradingState.HALTED] * 3 + [TradingState.ACTIVE] * 2


def test_a_what_if_is_no_step_of_the_books() -> None:
    seen = SeenView()
    _, book = shadow(seen)
    view = small_engine().engine.parts.feed.view(at_close(1))
    ShadowBooks(seen, [book]).step(view, changed(DECIDE, as_of=at_close(0)))
    assert book.engine.last_report is None
