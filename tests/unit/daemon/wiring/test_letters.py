"""A planted difference between the account's steps and its book's is named, with both values."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from core.cycles import DECIDE_AND_SEND
from core.types import StepReport
from daemon.wiring.letters import difference, same, unproven_steps
from tests.small_engine import CASH, SmallEngine, at_close, enter, small_engine


def lived() -> tuple[SmallEngine, list[StepReport]]:
    small, steps = small_engine(), []
    small.team.decisions = (enter("AAPL"),)
    for row in range(3):
        small.clock.set(at_close(row))
        steps.append(small.engine.step(DECIDE_AND_SEND))
    assert any(step.fills for step in steps)
    return small, steps


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
    assert str(approved.order.quantity) in named
    assert str(larger.order.quantity) in named
    assert "no such step" in difference(step, None)


def test_a_step_that_does_not_follow_from_the_record_is_named() -> None:
    small, steps = lived()
    assert unproven_steps(small.ledger, steps, CASH) == ()
    forged = replace(steps[1], plan=replace(steps[1].plan, portfolio_digest="0" * 64))
    assert unproven_steps(small.ledger, [steps[0], forged, steps[2]], CASH) == (forged.decision_id,)
