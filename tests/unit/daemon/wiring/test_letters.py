"""A step that does not follow from the record before it is named."""

from __future__ import annotations

from msgspec.structs import replace

from daemon.wiring.letters import unproven_steps
from tests.small_engine import CASH, lived


def test_a_step_that_does_not_follow_from_the_record_is_named() -> None:
    small, steps = lived()
    assert unproven_steps(small.ledger, steps, CASH) == ()
    forged = replace(steps[1], plan=replace(steps[1].plan, portfolio_digest="0" * 64))
    assert unproven_steps(small.ledger, [steps[0], forged, steps[2]], CASH) == (forged.decision_id,)
