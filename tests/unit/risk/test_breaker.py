from __future__ import annotations

from decimal import Decimal

import pytest

from core.types import TradingState
from risk.breaker import next_state, on_consecutive_errors
from tests.risk_builders import book, settings

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


@pytest.mark.parametrize(
    ("equity", "opening", "peak", "after"),
    [
        ("98001", 100_000, 100_000, ACTIVE),
        ("98000", 100_000, 100_000, REDUCING),
        ("97000", 97_000, 100_000, ACTIVE),
        ("90001", 90_001, 100_000, ACTIVE),
        ("90000", 90_000, 100_000, HALTED),
        ("90000", 95_000, 100_000, HALTED),
    ],
)
def test_breakers_act_at_their_threshold(equity: str, opening: int, peak: int, after: TradingState) -> None:
    portfolio = book(equity, session_open_equity=Decimal(opening), peak_equity=Decimal(peak))
    state, alerts = next_state(portfolio, settings(), ACTIVE)
    assert state is after
    assert bool(alerts) == (after is not ACTIVE)


@pytest.mark.parametrize("state", [ACTIVE, REDUCING])
def test_a_daily_loss_limit_of_zero_halts_even_on_a_winning_day(state: TradingState) -> None:
    portfolio = book("110000", session_open_equity=Decimal(100_000))
    after, alerts = next_state(portfolio, settings(daily_limits={"max_daily_loss_pct": 0.0}), state)
    assert after is HALTED
    assert "max_daily_loss_pct is 0" in alerts[0]


@pytest.mark.parametrize("state", list(TradingState))
def test_a_calm_book_never_loosens_the_state(state: TradingState) -> None:
    assert next_state(book("100000"), settings(), state) == (state, ())
    assert on_consecutive_errors(0, settings(), state) == (state, ())


def test_a_breaker_that_changes_nothing_says_nothing() -> None:
    losing = book("97000", session_open_equity=Decimal(100_000), peak_equity=Decimal(100_000))
    assert next_state(losing, settings(), ACTIVE)[0] is REDUCING
    assert next_state(losing, settings(), REDUCING) == (REDUCING, ())
    assert next_state(losing, settings(), HALTED) == (HALTED, ())


@pytest.mark.parametrize("state", list(TradingState))
def test_breakers_that_are_off_change_nothing(state: TradingState) -> None:
    ruined = book("1", session_open_equity=Decimal(100_000), peak_equity=Decimal(100_000))
    off = settings(
        daily_limits={"max_daily_loss_pct": None},
        circuit_breakers={"max_drawdown_pct": None, "max_consecutive_faults": None},
    )
    assert next_state(ruined, settings(), state)[0] is HALTED
    assert next_state(ruined, off, state) == (state, ())
    assert on_consecutive_errors(1_000, off, state) == (state, ())


@pytest.mark.parametrize(("count", "after"), [(4, ACTIVE), (5, REDUCING), (6, REDUCING)])
def test_faults_in_a_row_reduce(count: int, after: TradingState) -> None:
    assert on_consecutive_errors(count, settings(), ACTIVE)[0] is after
