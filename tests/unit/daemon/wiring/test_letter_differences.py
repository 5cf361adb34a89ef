"""A planted difference between the account's steps and its book's is named, with both values."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from core.cycles import DECIDE, DECIDE_AND_SEND
from core.types import RankedStock
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


def test_a_trade_that_only_one_of_them_made_is_told_in_words() -> None:
    _, steps = lived()
    filled = next(step for step in steps if step.fills)
    fill = filled.fills[0]
    named = difference(filled, replace(filled, fills=()))
    assert f"fills[0] is {fill.side.value} {fill.quantity} {fill.symbol} at {fill.price} in the account" in named
    assert named.endswith("and nothing in the book")
    assert "{" not in named
    sent = next(step for step in steps if step.plan.approved)
    named = difference(replace(sent, plan=replace(sent.plan, approved=())), sent)
    assert f" {sent.plan.approved[0].order.symbol} at " in named
    assert "{" not in named


def test_the_factors_that_a_book_does_not_record_are_no_difference() -> None:
    _, steps = lived()
    step = next(step for step in steps if step.plan.approved)
    stock = RankedStock(
        symbol="AAPL", rank=1, p_outperform=0.6, sector="Technology", price=100.0, factors={"adx": 1.0},
        model_id="quant-v8", contributions={"adx": 0.2},
    )  # fmt: skip
    told = replace(step, plan=replace(step.plan, analysis=replace(step.plan.analysis, ranking=(stock,))))
    assert same(told, step)
    assert "ranking" not in difference(told, step)
