"""Round trips: one definition of profit, the same to the cent in the ledger, the memory and the report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.ledger import SqliteLedger
from adapters.memory.journal import Step, steps_after
from adapters.memory.round_trips import PositionTracker
from analysis.performance import measure_strategy
from analysis.trades import activity_of, round_trips
from backtest.trading import by_exit_rule
from config.environment import OrderRoute
from core.orders import SPLIT, Fill, Side
from core.round_trips import RoundTripTracker
from core.types import Cycle, MarketAnalysis, Plan, Portfolio, StepReport, TradingState
from tests.default_universe import SECTOR_OF

START = datetime(2024, 3, 4, 15, 0, tzinfo=UTC)
CENT = Decimal("0.01")


def fill(number: int, side: Side, quantity: str, price: str, fee: str = "5.00", symbol: str = "AAPL") -> Fill:
    return Fill(
        fill_id=f"f{number}", client_order_id=f"o{number}", symbol=symbol, side=side, quantity=Decimal(quantity),
        price=Decimal(price), fee=Decimal(fee), at=START + timedelta(days=number), rule="take_profit",
    )  # fmt: skip


BOUGHT_AT_100_SOLD_AT_110 = (fill(0, Side.BUY, "10", "100.00"), fill(1, Side.SELL, "10", "110.00"))


def recorded(fills: tuple[Fill, ...]) -> SqliteLedger:
    ledger = SqliteLedger(None, route=OrderRoute.PAPER_BUILTIN)
    portfolio = Portfolio(cash=Decimal(1), session=None, session_open_equity=Decimal(1), peak_equity=Decimal(1))
    plan = Plan(
        decisions=(), approved=(), refused=(), unchanged=(), portfolio=portfolio, analysis=MarketAnalysis(),
        state=TradingState.ACTIVE,
    )  # fmt: skip
    for number, one in enumerate(fills):
        ledger.record(
            StepReport(
                decision_id=f"step-{number}",
                cycle=Cycle(name="risk_check", entries=False, submits=True),
                as_of=one.at,
                source="test",
                view_digest="",
                config_digest="",
                plan=plan,
                fills=(one,),
                bars_until="2024-03-01",
            )
        )
    return ledger


def steps(ledger: SqliteLedger) -> list[Step]:
    return [step for _, step in steps_after(ledger, 0, 100)]


def test_ten_at_100_sold_at_110_with_5_usd_fees_made_90_usd_and_8_96_percent_everywhere() -> None:
    ledger = recorded(BOUGHT_AT_100_SOLD_AT_110)
    (of_ledger,) = ledger.trades(5)
    tracker = PositionTracker(SECTOR_OF)
    (closed,) = [event for step in steps(ledger) for event in tracker.take(step) if event.closed]
    of_memory = closed.position.round_trip
    (of_backtest,) = round_trips(BOUGHT_AT_100_SOLD_AT_110)
    assert of_ledger == of_memory == of_backtest
    assert (of_backtest.cost_usd, of_backtest.proceeds_usd) == (Decimal("1005.00"), Decimal("1095.00"))
    assert of_backtest.profit_usd == Decimal("90.00")
    assert f"{of_backtest.profit_pct:.2%}" == "8.96%"
    assert (of_backtest.entry_price, of_backtest.exit_price) == (Decimal("100.0000"), Decimal("110.0000"))


def test_the_report_counts_the_same_profit() -> None:
    sessions = np.arange("2024-03-04", "2024-03-08", dtype="datetime64[D]")
    activity = activity_of(BOUGHT_AT_100_SOLD_AT_110, sessions, np.zeros(4), slippage_bps=0.0)
    curve = np.array([1.0, 1.1, 1.05, 1.2])
    assert activity.profits == pytest.approx([90 / 1005])
    assert measure_strategy(curve, curve, activity).win_rate == 1.0
    rule = by_exit_rule(round_trips(BOUGHT_AT_100_SOLD_AT_110))["take_profit"]
    assert (rule.trades, rule.profit_usd) == (1, 90.0)
    assert rule.profit_mean == pytest.approx(90 / 1005)


def test_a_fee_alone_makes_a_loss_of_a_trade_at_the_same_price() -> None:
    (lost,) = round_trips((fill(0, Side.BUY, "1", "100", "0.01"), fill(1, Side.SELL, "1", "100", "0.01")))
    assert lost.profit_usd == Decimal("-0.02")
    assert lost.profit_pct < 0


def test_shares_that_cost_nothing_have_no_percentage() -> None:
    (spun_off,) = round_trips((fill(0, Side.BUY, "3", "0", "0"), fill(1, Side.SELL, "3", "20", "0")))
    assert (spun_off.profit_usd, spun_off.profit_pct) == (Decimal(60), 0.0)


def test_a_sale_of_what_was_never_bought_is_passed_over() -> None:
    tracker = RoundTripTracker()
    assert tracker.add(fill(0, Side.SELL, "1", "9")) is None
    assert tracker.held("AAPL") == 0


PARTS = st.lists(
    st.tuples(st.integers(1, 50), st.integers(100, 50_000), st.integers(0, 300)), min_size=1, max_size=5
)


@given(buys=PARTS, sells=PARTS, symbol=st.sampled_from(["AAPL", "MSFT"]))
def test_the_profits_add_up_to_the_change_of_cash(
    buys: list[tuple[int, int, int]], sells: list[tuple[int, int, int]], symbol: str
) -> None:
    bought, sold = sum(part[0] for part in buys), sum(part[0] for part in sells)
    parts = [*((Side.BUY, sold, part) for part in buys), *((Side.SELL, bought, part) for part in sells)]
    fills = [  # what is bought in all is what is sold in all
        fill(number, side, str(quantity * share), str(price * CENT), str(fee * CENT), symbol)
        for number, (side, share, (quantity, price, fee)) in enumerate(parts)
    ]
    (closed,) = round_trips(fills)
    cash = sum((one.cash_change for one in fills), Decimal(0))
    assert closed.profit_usd == cash
    assert closed.profit_pct == pytest.approx(float(cash / closed.cost_usd))
    assert closed.quantity == bought * sold


@given(ratio=st.sampled_from(["4", "1.5", "0.125", "0.3"]), sold_before=st.integers(0, 9), days=st.integers(0, 3))
def test_a_split_changes_the_number_of_shares_and_no_profit(ratio: str, sold_before: int, days: int) -> None:
    left = 10 - sold_before
    after = Decimal(left) * Decimal(ratio)
    change, plain = after - left, [fill(0, Side.BUY, "10", "100")]
    if sold_before:
        plain.append(fill(1, Side.SELL, str(sold_before), "90"))
    side = Side.BUY if change > 0 else Side.SELL
    split = replace(fill(2 + days, side, str(abs(change)), "0", "0"), rule=SPLIT)
    parts = [str(after / 2), str(after - after / 2)]
    price = Decimal(120) / Decimal(ratio)
    ends = [fill(6 + number, Side.SELL, part, str(price)) for number, part in enumerate(parts)]
    (unsplit,) = round_trips([*plain, fill(6, Side.SELL, str(left), "120", "10.00")])
    (one,) = round_trips([*plain, split, *ends])
    assert abs(one.profit_usd - unsplit.profit_usd) <= CENT, "two sales round to the cent twice"
    assert one.entry_price == pytest.approx(Decimal(100) / Decimal(ratio), abs=Decimal("0.001"))
    assert RoundTripTracker().add(split) is None, "a split of what is not held is nothing"
