"""The portfolio under the account's conditions: what is missing is left out, and nothing is won or lost by it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from core.account_conditions import AccountConditions, FrozenSymbol
from core.reconciliation import AccountState
from core.types import Portfolio, Position
from pipeline.account_comparison import compare
from pipeline.conditions import shifted, under_conditions, with_conditions, without_missing

AT = datetime(2024, 3, 4, 15, tzinfo=UTC)
quantities = st.integers(1, 1000).map(Decimal)


def holding(cash: int, quantity: Decimal) -> Portfolio:
    position = Position(
        symbol="KO", quantity=quantity, average_price=Decimal(60), entry_at=AT, entry_session=date(2024, 3, 1),
        peak_price=Decimal(66), last_price=Decimal(64),
    )  # fmt: skip
    made = Portfolio(cash=Decimal(cash), positions={"KO": position})
    equity = made.equity
    return replace(
        made, session_open_equity=equity * 2, peak_equity=equity * 3, last_equity=equity, peak_base=equity * 2
    )


def missing(portfolio: Portfolio, shares: Decimal) -> AccountConditions:
    held = portfolio.positions["KO"]
    entry = FrozenSymbol(
        symbol="KO", since=AT, expected=held.quantity, observed=held.quantity - shares, missing=shares,
        position=held,
    )  # fmt: skip
    return AccountConditions(frozen={"KO": entry})


@given(st.integers(1, 10**6), quantities, st.data())
def test_what_is_missing_is_left_out_and_comes_back_as_it_was(
    cash: int, quantity: Decimal, data: st.DataObject
) -> None:
    lost = data.draw(st.integers(1, int(quantity)).map(Decimal))
    whole = holding(cash, quantity)
    there = under_conditions(whole, missing(whole, lost))
    assert there.equity == whole.equity - lost * 64
    assert ("KO" in there.positions) is (lost < quantity)
    for figure in ("daily_return", "drawdown", "breaker_daily_return", "breaker_drawdown"):
        assert abs(getattr(there, figure) - getattr(whole, figure)) < 1e-12, figure
    back = without_missing(there)
    assert back.positions == whole.positions
    assert abs(back.peak_equity - whole.peak_equity) < Decimal("1e-9")


@given(st.integers(1, 10**6), quantities, quantities, st.integers(-1000, 1000))
def test_what_is_above_the_ledgers_is_somebody_elses_and_what_is_below_is_missing(
    cash: int, quantity: Decimal, theirs: Decimal, change: int
) -> None:
    whole = holding(cash, quantity)
    account = AccountState(cash=Decimal(cash + change), shares={"KO": theirs})
    found = compare(whole, account, AT, Decimal(100))
    assert found.others.get("KO", 0) == max(theirs - quantity, 0)
    assert (found.frozen["KO"].missing if found.frozen else 0) == max(quantity - theirs, 0)
    assert found.cash_difference == (change if abs(change) > 100 else 0)
    apart = compare(whole, account, AT, Decimal(100), person_pays_in=False)
    assert apart.cash_difference == (change if change < -100 else 0), "a person's cash may lie beside it"


def test_no_conditions_leave_no_trace() -> None:
    whole = holding(1, Decimal(1))
    assert under_conditions(whole, AccountConditions()) is whole
    assert without_missing(whole) is whole
    assert with_conditions(whole, AccountConditions()).conditions is UNSET


@given(st.integers(-999, 10**6))
def test_a_flow_is_neither_profit_nor_loss(amount: int) -> None:
    whole = holding(1000, Decimal(5))
    after = shifted(replace(whole, cash=whole.cash + amount), Decimal(amount))
    assert abs(after.drawdown - whole.drawdown) < 1e-12
    assert abs(after.breaker_drawdown - whole.breaker_drawdown) < 1e-12
