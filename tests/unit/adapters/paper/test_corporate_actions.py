from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore, PaperStore, SqlitePaperStore
from config.broker import BrokerSettings
from core.brackets import Bracket
from core.times import opening
from core.types import (
    ActionKind,
    ApprovedOrder,
    BarPanel,
    CorporateAction,
    MarketView,
    Order,
    Quote,
    Settlement,
    Side,
)

FREE = BrokerSettings(initial_cash_usd=10_000, spread_bps=0, slippage_bps=0, fee_bps=0)
DAYS = [date(2024, 3, 4) + timedelta(days=n) for n in range(5)]  # Monday to Friday
SPLIT = CorporateAction(symbol="KO", kind=ActionKind.SPLIT, ex_date=DAYS[2], ratio=Decimal(2), source="test")
DIVIDEND = CorporateAction(
    symbol="KO", kind=ActionKind.DIVIDEND, ex_date=DAYS[2], cash_per_share=Decimal("0.50"),
    close_before=Decimal(100), source="test",
)  # fmt: skip


class HandClock:
    is_real_time = False

    def __init__(self) -> None:
        self.at = opening(DAYS[0])

    def now(self) -> datetime:
        return self.at


def seen(day: int, hours: float, price: float | None = 100.0, *actions: CorporateAction) -> MarketView:
    """A view some hours after a day's opening; from 6.5 on its own bar is known."""
    at = opening(DAYS[day]) + timedelta(hours=hours)
    rows = np.array(DAYS[: day + (hours >= 6.5)], dtype="datetime64[D]")
    table = np.full((len(rows), 1), 100.0 if price is None else price)
    bars = BarPanel(
        sessions=rows, known_at=(rows + np.timedelta64(21, "h")).astype("datetime64[us]"), symbols=("KO",),
        open=table, high=table, low=table, close=table, volume=table,
    )  # fmt: skip
    quotes = {"KO": Quote(symbol="KO", price=price, at=at)} if price is not None and hours < 6.5 else {}
    return MarketView(as_of=at, bars=bars, quotes=quotes, market_open=hours < 6.5, actions=actions)


def order(name: str, side: Side, quantity: str) -> ApprovedOrder:
    made = Order(
        client_order_id=name, decision_id="d", symbol="KO", side=side, quantity=Decimal(quantity),
        reference_price=Decimal(100), rule="score",
    )  # fmt: skip
    return ApprovedOrder(order=made, weight=0.1)


def holding(store: PaperStore, clock: HandClock, settings: BrokerSettings = FREE) -> PaperBroker:
    """Hold ten shares of KO, bought on Monday at 100."""
    broker = PaperBroker(settings, clock, store)
    broker.settle(seen(0, 0.5))
    clock.at = opening(DAYS[0]) + timedelta(hours=0.5)
    broker.submit([order("buy", Side.BUY, "10")])
    broker.acknowledge(broker.settle(seen(0, 1.0)).ids)
    assert broker.account().positions["KO"].quantity == 10
    return broker


def test_a_payment_is_given_until_it_is_acknowledged_also_after_a_restart(tmp_path: Path) -> None:
    path, clock = tmp_path / "paper.sqlite", HandClock()
    store = SqlitePaperStore(path)
    broker = holding(store, clock)
    given = broker.settle(seen(2, 0.5, 99.5, DIVIDEND))
    (paid,) = given.cash_movements
    assert paid.amount == Decimal("5.00") and paid.at == opening(DAYS[2]) and given.actions == (DIVIDEND,)
    assert broker.account().cash == Decimal("9005.00")
    store.close()
    again = PaperBroker(FREE, clock, SqlitePaperStore(path))
    assert again.settle(seen(2, 1.0, 99.5, DIVIDEND)) == given, "not lost, and not paid twice"
    assert again.account().cash == Decimal("9005.00")
    again.acknowledge(given.ids)
    assert again.settle(seen(2, 2.0, 99.5, DIVIDEND)) == Settlement()
    again.close()


def test_the_dividend_belongs_to_who_held_at_the_close_before() -> None:
    clock = HandClock()
    broker = holding(InMemoryPaperStore(), clock)
    clock.at = opening(DAYS[2])
    broker.settle(seen(2, 0.1))
    clock.at = opening(DAYS[2]) + timedelta(minutes=6)
    broker.submit([order("sell", Side.SELL, "4")])
    broker.settle(seen(2, 1.0))
    clock.at = opening(DAYS[2]) + timedelta(hours=1)
    broker.submit([order("more", Side.BUY, "20")])
    broker.settle(seen(2, 2.0))
    assert broker.account().positions["KO"].quantity == 26
    (paid,) = broker.settle(seen(3, 0.5, 99.5, DIVIDEND)).cash_movements
    assert paid.amount == Decimal("5.00"), "ten shares, whatever was traded on the ex-date"


def test_who_sold_before_the_ex_date_gets_nothing_and_so_does_who_bought_after() -> None:
    clock = HandClock()
    broker = holding(InMemoryPaperStore(), clock)
    clock.at = opening(DAYS[1])
    broker.submit([order("sell", Side.SELL, "10")])
    broker.settle(seen(1, 1.0))
    assert not broker.account().positions
    clock.at = opening(DAYS[2]) + timedelta(minutes=1)
    broker.settle(seen(2, 0.1, 99.5, DIVIDEND))
    broker.submit([order("late", Side.BUY, "10")])
    assert not broker.settle(seen(2, 1.0, 99.5, DIVIDEND)).cash_movements
    assert broker.account().positions["KO"].quantity == 10


@pytest.mark.parametrize(("ratio", "left"), [("2", "20"), ("0.125", "1"), ("0.05", None)])
def test_where_only_whole_shares_are_held_a_fraction_is_paid_for(ratio: str, left: str | None) -> None:
    clock, whole = HandClock(), FREE.model_copy(update={"fractional_shares": False})
    broker = holding(InMemoryPaperStore(), clock, whole)
    price = 100 / float(ratio)
    fills = broker.settle(seen(2, 0.5, price, structs.replace(SPLIT, ratio=Decimal(ratio)))).fills
    account = broker.account()
    held = account.positions.get("KO")
    assert (held.quantity if held else None) == (Decimal(left) if left else None)
    rules = [fill.rule for fill in fills]
    assert rules == (["split"] if ratio == "2" else ["split", "cash_in_lieu"])
    value = held.quantity * Decimal(repr(price)) if held else Decimal(0)
    assert account.cash + value == 10_000


def test_a_split_scales_bracket_and_orders_sent_before_it_and_no_later_ones() -> None:
    clock = HandClock()
    broker = holding(InMemoryPaperStore(), clock)
    stop = Bracket(
        symbol="KO", decision_id="d", stop_loss_pct=Decimal("-0.03"), take_profit_pct=None, atr=Decimal(2),
        trailing_stop_atr=Decimal(2), peak_price=Decimal(104),
    )  # fmt: skip
    clock.at = opening(DAYS[1]) + timedelta(hours=8)
    broker.settle(seen(1, 7.0, None))
    broker.protect([stop])
    broker.submit([order("before", Side.SELL, "3")])
    fault = replace(seen(2, 0.5, 50.0, SPLIT), feed_fault="too many symbols are missing")
    settlement = broker.settle(fault)
    assert [fill.rule for fill in settlement.fills] == ["split"], "on an untrusted feed shares still split"
    (waiting,) = broker.open_orders()
    assert waiting.quantity == 6 and waiting.reference_price == 50
    clock.at = opening(DAYS[2]) + timedelta(hours=1)
    broker.submit([order("after", Side.SELL, "5")])
    fills = broker.settle(seen(2, 2.0, 50.0, SPLIT)).fills
    sold = {fill.client_order_id: fill.quantity for fill in fills if fill.client_order_id}
    assert sold == {"before": 6, "after": 5}
    levels = broker._matching.account.brackets["KO"].levels(Decimal(50))
    assert levels.stop_price == 50 and levels.stop_rule == "trailing_stop", "52 less twice an ATR of 1"


def test_dividends_come_in_shares_of_after_a_split_that_is_found_with_them() -> None:
    """A daemon that was off for both: Yahoo lists the earlier dividend in new shares."""
    broker = holding(InMemoryPaperStore(), HandClock())
    earlier = structs.replace(DIVIDEND, ex_date=DAYS[1], cash_per_share=Decimal("0.25"), close_before=Decimal(50))
    settlement = broker.settle(seen(3, 0.5, 50.0, earlier, SPLIT))
    assert [moved.amount for moved in settlement.cash_movements] == [Decimal("5.00")]
    assert broker.account().positions["KO"].quantity == 20
