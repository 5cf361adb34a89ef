"""The tracking difference: its causes sum to it, whatever was traded, and each is told in the account's money."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.letter import costs
from analysis.tracking import Activity, Disturbances, causes_of, returns_to_date
from core.corporate_actions import CashKind, CashMovement
from core.types import Side
from tests.unit.analysis.test_letter import execution

AT = datetime(2024, 1, 22, 15, tzinfo=UTC)
PRICES = st.decimals(1, 1000, places=2)


@given(st.lists(st.tuples(st.sampled_from(Side), PRICES, PRICES), min_size=1, max_size=20), st.floats(-1e5, 1e5))
def test_the_causes_sum_to_the_difference(trades: list[tuple[Side, Decimal, Decimal]], difference: float) -> None:
    account = Activity([execution(side, str(price), str(at), "1") for side, price, at in trades], ())
    other = Activity([execution(side, str(at), str(at)) for side, _, at in trades], ())
    causes = causes_of(account, other, {"AAPL": Decimal(77)}, difference, Disturbances(("AAPL",), 1, 2))
    assert sum(cause.usd for cause in causes if cause.usd is not None) == pytest.approx(difference, abs=1e-6)
    told = {cause.name: cause.usd for cause in causes}
    assert told["fees"] == -len(trades)
    assert told["slippage"] == pytest.approx(-costs(account.executions, 0).cost_usd, abs=1e-6)


def test_a_dividend_that_one_of_both_got_is_named() -> None:
    paid = CashMovement(movement_id="d", kind=CashKind.DIVIDEND, symbol="AAPL", amount=Decimal("12.5"), at=AT)
    deposit = CashMovement(movement_id="e", kind=CashKind.DEPOSIT, symbol=None, amount=Decimal(500), at=AT)
    causes = causes_of(Activity((), (paid, deposit)), Activity((), ()), {}, 12.5, Disturbances())
    told = {cause.name: cause.usd for cause in causes}
    assert told["dividends and other cash"] == 12.5
    assert told["rest"] == 0.0


def test_an_order_that_came_to_nothing_costs_what_it_would_have_made() -> None:
    """The book bought 10 at 100, they stand at 107, the account's order failed: 70 USD, nothing is left."""
    bought = Activity([execution(price="100", at="100")], ())
    causes = causes_of(Activity((), ()), bought, {"AAPL": Decimal(107)}, -70.0, Disturbances(("AAPL",)))
    told = {cause.name: cause.usd for cause in causes}
    assert (told["refused"], told["rest"]) == (-70.0, 0.0)
    assert "AAPL" in next(cause.note for cause in causes if cause.name == "refused")


def test_what_a_larger_book_paid_is_told_in_the_accounts_money() -> None:
    paid = [execution(price="100.10", fee="3")]
    other = Activity(paid, (), scale=0.25)
    told = {
        c.name: c.usd for c in causes_of(Activity((), ()), other, {"AAPL": Decimal(100)}, 1.0, Disturbances())
    }
    assert (told["slippage"], told["fees"]) == pytest.approx((0.25, 0.75))
    assert told["rest"] == pytest.approx(0.0)


def test_returns_to_date_are_over_the_closes_in_common_and_know_no_deposit() -> None:
    account = {"a": (90.0, 0.0), "b": (100.0, 0.0), "c": (160.0, 50.0), "d": (176.0, 0.0)}
    other = {"b": (10.0, 0.0), "c": (10.5, 0.0), "d": (11.0, 0.0)}
    assert returns_to_date(account, other) == pytest.approx((1.1 * 1.1 - 1, 0.1, 100.0, 10.0))
    assert returns_to_date(account, {"a": (1.0, 0.0)}) is None
