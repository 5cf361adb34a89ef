"""Closed trades by hand, to the cent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.closed_trades import closed_trades, leading_agent, performance, slippage_usd
from core.corporate_actions import CashKind, CashMovement
from core.ids import protective_order_id
from core.orders import SPLIT, TAKE_PROFIT, Fill, Side
from core.trading_history import OrderFacts

MONDAY = datetime(2025, 6, 16, 14, 0, tzinfo=UTC)
SECTORS = {"NVDA": "Semiconductors"}


def fill(
    number: int, side: Side, quantity: str, price: str, *, days: float = 0, fee: str = "0", rule: str = "score",
    symbol: str = "NVDA", order: str | None = None,
) -> Fill:  # fmt: skip
    return Fill(
        fill_id=f"f{number}", client_order_id=order or f"o{number}", symbol=symbol, side=side,
        quantity=Decimal(quantity), price=Decimal(price), fee=Decimal(fee), at=MONDAY + timedelta(days=days),
        rule=rule,
    )  # fmt: skip


def facts(decision_id: str, price: str) -> OrderFacts:
    return OrderFacts(decision_id=decision_id, reference_price=Decimal(price))


def test_a_trade_with_two_buys_a_split_a_dividend_and_two_sales() -> None:
    """Bought 10 at 100 (fee 1) and 10 at 110 (fee 1): 2,102. Split 2 for 1. Dividend 8. Sold 30 at 60, 10 at 50.

    Brought 1,800 - 2 and 500 - 1: 2,297. Profit 2,297 + 8 - 2,102 = 203.
    """
    fills = [
        fill(1, Side.BUY, "10", "100", fee="1"),
        fill(2, Side.BUY, "10", "110", fee="1", days=1),
        fill(3, Side.BUY, "20", "0", rule=SPLIT, days=2),
        fill(4, Side.SELL, "30", "60", fee="2", rule="take_profit", days=4),
        fill(5, Side.SELL, "10", "50", fee="1", rule="stop_loss", days=5),
    ]
    paid = CashMovement(
        movement_id="m", kind=CashKind.DIVIDEND, symbol="NVDA", amount=Decimal(8), at=MONDAY + timedelta(days=3)
    )
    orders = {"o1": facts("d1", "99.50"), "o2": facts("d2", "110"), "o5": facts("d5", "51")}
    (trade,) = closed_trades(fills, [paid], orders, SECTORS, lambda decision, symbol: f"{decision}-{symbol}")
    assert trade.profit_usd == Decimal("203.00")
    assert trade.fees_usd == Decimal(5)
    assert trade.dividends_usd == Decimal(8)
    assert trade.slippage_usd == Decimal("15.00"), "10 at 0.50 worse bought, 10 at 1 worse sold"
    assert (trade.entry_rule, trade.exit_rule) == ("score", "stop_loss")
    assert (trade.entry_decision_id, trade.exit_decision_id) == ("d1", "d5")
    assert (trade.agent, trade.sector, trade.holding_days) == ("d1-NVDA", "Semiconductors", 5.0)
    assert [one.fill_id for one in trade.fills] == ["f1", "f2", "f4", "f5"]


def test_what_was_never_bought_here_is_no_trade() -> None:
    assert closed_trades([fill(1, Side.SELL, "5", "10")], [], {}, {}, lambda *_: "") == ()


def test_a_sale_by_hand_has_no_decision_and_no_agent() -> None:
    (trade,) = closed_trades(
        [fill(1, Side.BUY, "1", "10"), fill(2, Side.SELL, "1", "11", rule="by_hand")], [], {}, {}, lambda *_: "x"
    )
    assert (trade.agent, trade.entry_decision_id, trade.exit_decision_id) == ("", "", "")
    assert trade.slippage_usd == 0


def test_a_resting_target_has_no_slippage() -> None:
    """Its order's reference is its stop: selling at the target is not 10 better than planned."""
    name = protective_order_id("decision", "NVDA")
    resting = fill(1, Side.SELL, "1", "110", order=name, rule=TAKE_PROFIT)
    assert slippage_usd(resting, {name: facts("d", "100")}) == 0
    stopped = fill(1, Side.SELL, "1", "99", order=name, rule="stop_loss")
    assert slippage_usd(stopped, {name: facts("d", "100")}) == 1


@pytest.mark.parametrize(
    ("votes", "agent"),
    [
        ([("quant", 0.5, 0.2), ("market", 0.4, 0.3)], "market"),
        ([("quant", -0.5, 0.9), ("market", 0.1, 0.1)], "market"),
        ([("quant", -0.5, 0.9)], ""),
        ([], ""),
    ],
)
def test_the_agent_that_pushed_most(votes: list[tuple[str, float, float]], agent: str) -> None:
    assert leading_agent(votes) == agent


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["NVDA", "AMD", "XOM"]),
            st.decimals("0.01", "900", places=2),
            st.decimals("0.01", "900", places=2),
            st.integers(1, 40),
            st.floats(0, 20),
        ),
        min_size=1,
        max_size=25,
    )
)
def test_every_grouping_adds_up_to_the_cash(trips: list[tuple[str, Decimal, Decimal, int, float]]) -> None:
    fills: list[Fill] = []
    for number, (symbol, bought, sold, quantity, days) in enumerate(trips):
        for part, (side, price) in enumerate(((Side.BUY, bought), (Side.SELL, sold))):
            at = 30 * number + days * part
            fills.append(
                fill(2 * number + part, side, str(quantity), str(price), days=at, fee="0.35", symbol=symbol)
            )
    trades = closed_trades(fills, [], {}, SECTORS, lambda *_: "")
    assert len(trades) == len(trips)
    cash = sum(one.cash_change for one in fills)
    for groups in performance(trades).values():
        assert sum(group.profit_usd for group in groups) == cash
        assert sum(group.trades for group in groups) == len(trips)
        assert [group.profit_usd for group in groups] == sorted((g.profit_usd for g in groups), reverse=True)
