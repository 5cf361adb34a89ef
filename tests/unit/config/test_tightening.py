"""Every limit is known as one that tightens upwards, downwards or not at all, and both ways are told apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.reference import setting_keys
from config.tightening import LARGER_IS_TIGHTER, NEITHER, SMALLER_IS_TIGHTER, direction

LIMITS = sorted(SMALLER_IS_TIGHTER | LARGER_IS_TIGHTER)
VALUES = st.none() | st.floats(-1.0, 1.0)


def test_every_key_of_the_risk_file_is_in_one_of_the_three() -> None:
    keys = {key.path for key in setting_keys() if key.file == "risk"}
    assert len(SMALLER_IS_TIGHTER) + len(LARGER_IS_TIGHTER) + len(NEITHER) == len(keys)
    assert keys == SMALLER_IS_TIGHTER | LARGER_IS_TIGHTER | NEITHER


@pytest.mark.parametrize(
    ("path", "was", "becomes"),
    [
        ("portfolio_limits.max_positions", 10, 8),
        ("portfolio_limits.max_positions", None, 100),
        ("daily_limits.max_daily_loss_pct", -0.02, -0.01),
        ("daily_limits.max_daily_loss_pct", -0.02, 0.0),
        ("circuit_breakers.max_drawdown_pct", -0.10, -0.05),
        ("risk_check.stop_loss_pct", None, -0.5),
        ("portfolio_limits.spend_pending_sales", True, False),
        ("risk_check.dynamic_stops", False, True),
        ("portfolio_limits.reentry_sessions", 1, 3),
    ],
)
def test_a_change_that_limits_the_risk_is_tighter_and_its_way_back_looser(
    path: str, was: float | None, becomes: float | None
) -> None:
    assert direction(path, was, becomes) == "tighter"
    assert direction(path, becomes, was) == "looser"


@given(path=st.sampled_from(LIMITS), one=VALUES, other=VALUES, third=VALUES)
def test_tightening_is_an_order(path: str, one: float | None, other: float | None, third: float | None) -> None:
    ways = {"tighter": "looser", "looser": "tighter", "neither": "neither"}
    assert direction(path, other, one) == ways[direction(path, one, other)]
    if direction(path, one, other) == direction(path, other, third) == "tighter":
        assert direction(path, one, third) == "tighter"
