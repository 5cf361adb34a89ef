"""A planted difference between the account's steps and its book's is named, with both values."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from core.cycles import DECIDE, DECIDE_AND_SEND
from daemon.wiring.letter_differences import alike, difference, same
from tests.small_engine import at_close, enter, lived, small_engine


def test_the_same_step_twice_is_the_same() -> None:
    (_, ours), (_, theirs) = lived(), lived()
    assert all(same(mine, other) for mine, other in zip(ours, theirs, strict=True))


def test_a_planted_difference_is_named_and_so_is_a_step_that_is_missing() -> None:
    _, steps = lived()
    step = next(step for step in steps if step.plan.approved)
    (approved, *others) = step.plan.approved
    larger = replace(approved, order=replace(approved.order, quantity=approved.order.quantity + Decimal(7)))
    planted = replace(step, plan=replace(step.plan, approved=(larger, *others)))
    assert not same(step, planted)
    named = difference(step, planted)
    assert "quantity" in named
    assert alike(step, planted)
    assert not alike(step, replace(step, plan=replace(step.plan, approved=())))
    assert not alike(step, None)
    assert str(approved.order.quantity) in named
    assert str(larger.order.quantity) in named
    assert "no such step" in difference(step, None)


def test_a_proposal_that_the_book_sent_is_told_as_that() -> None:
    proposing, sending = small_engine(), small_engine()
    for small in (proposing, sending):
        small.team.decisions = (enter("AAPL"),)
        small.clock.set(at_close(0))
    mine, theirs = proposing.engine.step(DECIDE), sending.engine.step(DECIDE_AND_SEND)
    assert len(theirs.plan.approved) == 1
    assert not same(mine, theirs)
    assert "only proposed it, the book sent its 1 orders" in difference(mine, theirs)


def test_a_proposal_of_nothing_is_the_same() -> None:
    proposing, sending = small_engine(), small_engine()
    for small in (proposing, sending):
        small.clock.set(at_close(0))
    mine, theirs = proposing.engine.step(DECIDE), sending.engine.step(DECIDE_AND_SEND)
    assert mine.decision_id != theirs.decision_id
    assert same(mine, theirs)
