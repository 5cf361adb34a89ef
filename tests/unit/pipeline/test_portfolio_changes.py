from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.errors import InvariantError
from core.times import market_date
from core.types import (
    ActionKind,
    CashKind,
    CashMovement,
    CorporateAction,
    Fill,
    Portfolio,
    Position,
    Settlement,
    Side,
)
from pipeline.portfolio_changes import adjust_reference_prices, apply_cash, apply_settlement

NOON = datetime(2024, 3, 12, 16, tzinfo=UTC)
KO = Position(
    symbol="KO", quantity=Decimal(10), average_price=Decimal(60), entry_at=NOON, entry_session=date(2024, 3, 1),
    peak_price=Decimal(66), last_price=Decimal(64),
)  # fmt: skip
HELD = Portfolio(
    cash=Decimal(360), positions={"KO": KO}, session_open_equity=Decimal(1100), peak_equity=Decimal(1250),
    last_equity=Decimal(1000),
)  # fmt: skip
DIVIDEND = CorporateAction(
    symbol="KO", kind=ActionKind.DIVIDEND, ex_date=date(2024, 3, 12), cash_per_share=Decimal("0.64"),
    close_before=Decimal(64),
)  # fmt: skip


def movement(kind: CashKind, amount: str, name: str = "one") -> CashMovement:
    return CashMovement(movement_id=name, kind=kind, symbol=None, amount=Decimal(amount), at=NOON)


def bought(at: datetime) -> Fill:
    return Fill(
        fill_id="buy", client_order_id="buy", symbol="KO", side=Side.BUY, quantity=Decimal(10),
        price=Decimal(60), fee=Decimal(0), at=at,
    )  # fmt: skip


def test_a_dividend_lowers_what_a_holding_is_measured_against_and_keeps_equity() -> None:
    paid = replace(movement(CashKind.DIVIDEND, "6.40"), symbol="KO")
    after = apply_settlement(HELD, Settlement(cash_movements=(paid,), actions=(DIVIDEND,)), market_date)
    held = after.positions["KO"]
    assert (held.average_price, held.peak_price, held.last_price) == (
        Decimal("59.40"), Decimal("65.34"), Decimal("63.36"),
    )  # fmt: skip
    assert after.equity == HELD.equity == 1000
    assert held.profit_pct == KO.profit_pct
    assert after.session_open_equity == 1100 and after.peak_equity == 1250, "a dividend is performance"


def test_shares_of_the_ex_date_are_bought_without_the_dividend() -> None:
    with_fill = Settlement(fills=(bought(NOON),), actions=(DIVIDEND,))
    assert apply_settlement(HELD, with_fill, market_date).positions["KO"].average_price == Decimal("59.70")
    day_before = Settlement(fills=(bought(datetime(2024, 3, 11, 16, tzinfo=UTC)),), actions=(DIVIDEND,))
    assert apply_settlement(HELD, day_before, market_date).positions["KO"].average_price == Decimal("59.40")


def test_an_action_on_what_is_not_held_or_a_split_changes_no_price() -> None:
    split = CorporateAction(symbol="KO", kind=ActionKind.SPLIT, ex_date=date(2024, 3, 12), ratio=Decimal(2))
    assert adjust_reference_prices(HELD, split) is HELD, "its fill does"
    assert adjust_reference_prices(HELD, replace(DIVIDEND, symbol="PEP")) is HELD
    assert adjust_reference_prices(HELD, replace(DIVIDEND, close_before=Decimal(0))) is HELD


@given(amount=st.decimals("-300", "100000", places=2).filter(bool))
def test_a_deposit_is_no_profit_and_a_withdrawal_no_loss(amount: Decimal) -> None:
    kind = CashKind.DEPOSIT if amount > 0 else CashKind.WITHDRAWAL
    after = apply_cash(HELD, [movement(kind, str(amount))])
    assert after.cash == HELD.cash + amount
    assert after.daily_return == pytest.approx(HELD.daily_return, abs=1e-12)
    assert after.drawdown == pytest.approx(HELD.drawdown, abs=1e-12)


def test_fees_and_interest_are_performance() -> None:
    after = apply_cash(HELD, [movement(CashKind.FEE, "-10"), movement(CashKind.INTEREST, "4", "two")])
    assert after.equity == 994 and after.peak_equity == HELD.peak_equity
    assert after.daily_return < HELD.daily_return


def test_all_taken_out_measures_losses_from_nothing() -> None:
    before = Portfolio(cash=Decimal(100), peak_equity=Decimal(120))
    empty = apply_cash(before, [movement(CashKind.WITHDRAWAL, "-100")])
    assert empty.cash == empty.peak_equity == 0
    assert empty.drawdown == empty.daily_return == 0.0
    assert apply_cash(empty, [movement(CashKind.DEPOSIT, "50")]).peak_equity == 50


def test_the_same_movement_twice_is_refused() -> None:
    with pytest.raises(InvariantError, match="twice"):
        apply_cash(HELD, [movement(CashKind.FEE, "-1"), movement(CashKind.FEE, "-1")])
