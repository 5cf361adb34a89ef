"""Ticks of a log axis: evenly spaced, within the range, and enough of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charts.log_axis import TICKS_MIN, log_ticks


@given(low=st.floats(0.01, 10.0), growth=st.floats(1.08, 1000.0))
def test_ticks_are_even_and_inside(low: float, growth: float) -> None:
    ticks = log_ticks(low, low * growth)
    assert len(ticks) >= TICKS_MIN
    assert (ticks >= low * (1 - 1e-9)).all() and (ticks <= low * growth * (1 + 1e-9)).all()
    assert np.allclose(np.diff(np.log(ticks), n=2), 0.0)


def test_a_doubling_has_round_factors() -> None:
    assert log_ticks(0.4, 9.0).tolist() == [0.5, 1.0, 2.0, 4.0, 8.0]
