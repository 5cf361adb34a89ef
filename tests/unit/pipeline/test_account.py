from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.trading import ZERO
from pipeline.account import rescaled, with_account
from tests.risk_builders import book


@given(st.integers(1, 10**6), st.integers(0, 10**5), st.integers(1, 10**6))
def test_the_brokers_account_leaves_the_reported_drawdown_and_resets_the_breakers(
    equity: int, lost: int, theirs: int
) -> None:
    ours = book(str(equity), peak_equity=Decimal(equity + lost), session_open_equity=Decimal(equity + lost))
    taken = with_account(ours, Decimal(theirs), {})
    assert taken.drawdown == pytest.approx(ours.drawdown, abs=0.01 / theirs + 1e-12)
    assert taken.daily_return == pytest.approx(ours.daily_return, abs=0.01 / theirs + 1e-12)
    assert (taken.breaker_drawdown, taken.breaker_daily_return) == (0, 0)
    assert taken.last_equity == theirs


def test_an_account_that_had_nothing_begins_with_what_it_has() -> None:
    assert rescaled(Decimal(7), ZERO, Decimal(50)) == 50
