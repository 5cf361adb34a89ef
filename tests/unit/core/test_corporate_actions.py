from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.corporate_actions import EXCHANGED
from core.types import ActionKind, CashKind, CashMovement, CorporateAction, Settlement

DAY = date(2024, 3, 12)


def split(ratio: Decimal) -> CorporateAction:
    return CorporateAction(symbol="META", kind=ActionKind.SPLIT, ex_date=DAY, ratio=ratio, source="yfinance")


def test_the_case_of_four_for_one() -> None:
    action = split(Decimal(4))
    assert action.shares(Decimal("5.721406")) == Decimal("22.885624")
    assert action.price(Decimal("2631.2264")) == Decimal("657.8066")
    assert action.action_id == "split-META-2024-03-12"


@given(new=st.integers(1, 99), old=st.integers(1, 99), quantity=st.decimals("0.000001", "1e6", places=6))
def test_shares_times_price_stay(new: int, old: int, quantity: Decimal) -> None:
    action = split(Decimal(new) / Decimal(old))
    value = action.shares(quantity) * action.price_factor
    assert abs(value - quantity) <= Decimal("0.00000051") * action.price_factor, "but for a millionth of a share"


@pytest.mark.parametrize(
    ("ratio", "text"),
    [("4", "4-for-1"), ("0.125", "1-for-8"), ("1.5", "3-for-2"), ("1.281", "1281-for-1000"), ("1/3", "1-for-3")],
)
def test_a_ratio_is_said_as_it_is_written(ratio: str, text: str) -> None:
    number = Decimal(1) / 3 if ratio == "1/3" else Decimal(ratio)
    assert f"split, {text}, with effect" in split(number).description


@pytest.mark.parametrize(
    ("cash", "close", "factor"), [("1", "100", "0.99"), ("1", "0", "1"), ("100", "100", "1"), ("0", "100", "1")]
)
def test_a_dividend_lowers_prices_where_the_close_before_is_known(cash: str, close: str, factor: str) -> None:
    action = CorporateAction(
        symbol="KO", kind=ActionKind.DIVIDEND, ex_date=DAY, cash_per_share=Decimal(cash),
        close_before=Decimal(close),
    )  # fmt: skip
    assert action.price_factor == Decimal(factor)


def test_only_what_a_person_moves_is_external() -> None:
    at = datetime(2024, 3, 12, tzinfo=UTC)
    moved = {
        kind: CashMovement(movement_id="m", kind=kind, symbol=None, amount=Decimal(1), at=at).is_external
        for kind in CashKind
    }
    assert [kind for kind, external in moved.items() if external] == [CashKind.DEPOSIT, CashKind.WITHDRAWAL]


def test_a_settlement_names_all_that_is_in_it() -> None:
    at = datetime(2024, 3, 12, tzinfo=UTC)
    paid = CashMovement(movement_id="m", kind=CashKind.FEE, symbol=None, amount=Decimal(-1), at=at)
    assert Settlement(cash_movements=(paid,), actions=(split(Decimal(4)),)).ids == ("m", "split-META-2024-03-12")
    assert {ActionKind(kind) for kind in EXCHANGED} == {
        ActionKind.RENAME,
        ActionKind.MERGER,
        ActionKind.DELISTING,
    }
