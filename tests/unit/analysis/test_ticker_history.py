"""A ticker's chart: fills stand among bars that were adjusted after them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np

from analysis.ticker_history import action_marks, candles_of, chart_fills
from core.corporate_actions import ActionKind, CorporateAction
from core.orders import Fill, Side
from tests.panels import make_panel

SPLIT = CorporateAction(symbol="NVDA", kind=ActionKind.SPLIT, ex_date=date(2024, 6, 10), ratio=Decimal(10))
DIVIDEND = CorporateAction(
    symbol="NVDA", kind=ActionKind.DIVIDEND, ex_date=date(2024, 6, 11), cash_per_share=Decimal("1"),
    close_before=Decimal("100"),
)  # fmt: skip


def bought(day: int, price: str) -> Fill:
    return Fill(
        fill_id=f"f{day}", client_order_id="o", symbol="NVDA", side=Side.BUY, quantity=Decimal(1),
        price=Decimal(price), fee=Decimal(0), at=datetime(2024, 6, day, 15, tzinfo=UTC), rule="score",
    )  # fmt: skip


def test_fills_are_adjusted_for_what_came_after_them_alone() -> None:
    fills = [bought(7, "1200"), bought(10, "120"), bought(11, "119")]
    found = chart_fills(fills, [SPLIT, DIVIDEND])
    assert [one.adjusted_price for one in found] == [118.8, 118.8, 119.0]


def test_actions_are_said_in_words_oldest_first() -> None:
    kinds = [one.kind for one in action_marks([DIVIDEND, SPLIT])]
    assert kinds == ["split", "dividend"]
    assert "10" in action_marks([SPLIT])[0].text


def test_candles_are_the_last_sessions_and_a_missing_bar_is_none() -> None:
    bars = make_panel(sessions=20, symbols=["NVDA", "SPY"], missing={"NVDA": [(18, 19)]})
    assert np.isnan(bars.close[18, 0])
    found = candles_of(bars, "NVDA", 3)
    assert found.close == (bars.close[17, 0], None, bars.close[19, 0])
    assert len(found.sessions) == 3
    assert candles_of(bars, "AMD", 3).sessions == ()
