"""A corporate action moves no wealth: equity = shares x price + cash paid, and no order comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.clock import ManualClock
from adapters.ledger import SqliteLedger
from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore
from config.broker import BrokerSettings
from config.environment import OrderRoute
from config.risk import RiskSettings
from config.trading import TradingSettings
from core.cycles import DECIDE, RISK_CHECK
from core.money import to_price
from core.times import opening
from core.types import ActionKind, BarPanel, CorporateAction, MarketView, Quote, StepReport
from pipeline.dependencies import EngineDependencies
from pipeline.engine import Engine
from pipeline.null_parts import NullEventBus, NullMemory, no_events
from risk.build import assemble_risk
from tests.small_engine import Wanted, enter

SHARED = Path(__file__).parents[3] / "shared" / "data"
CASH = Decimal(100_000)
CENT = Decimal("0.01")
FRIDAY, BEFORE, EX_DATE = date(2024, 3, 8), date(2024, 3, 11), date(2024, 3, 12)
DECIDE_AND_PROTECT = replace(DECIDE, submits=True, protects=True)
CHECK_AND_PROTECT = replace(RISK_CHECK, protects=True)


@dataclass
class OneView:
    """Gives the view that the test made."""

    seen: MarketView | None = None

    def view(self, as_of: datetime) -> MarketView:
        assert self.seen is not None and self.seen.as_of == as_of
        return self.seen


def bars(sessions: list[date], close: float) -> BarPanel:
    days = np.array(sessions, dtype="datetime64[D]")
    table = np.full((len(days), 1), close)
    return BarPanel(
        sessions=days, known_at=(days + np.timedelta64(20, "h")).astype("datetime64[us]"), symbols=("X",),
        open=table, high=table, low=table, close=table, volume=np.full(table.shape, 1e6),
    )  # fmt: skip


def view(at: datetime, panel: BarPanel, price: float | None, *actions: CorporateAction) -> MarketView:
    quotes = {"X": Quote(symbol="X", price=price, at=at)} if price is not None else {}
    return MarketView(as_of=at, bars=panel, quotes=quotes, market_open=price is not None, actions=actions)


def live_through(action: CorporateAction, close: float, *, fractional: bool = True) -> tuple[StepReport, ...]:
    """Hold X over its action: bought in the session before, then the opening and the close of the ex-date."""
    trading = TradingSettings(
        broker=BrokerSettings(
            initial_cash_usd=float(CASH), spread_bps=0, slippage_bps=0, fractional_shares=fractional
        )
    )
    clock, feed, team, limits = ManualClock(opening(BEFORE)), OneView(), Wanted(), RiskSettings()
    broker = PaperBroker(trading.broker, clock, InMemoryPaperStore())
    engine = Engine(
        EngineDependencies(
            clock=clock, feed=feed, broker=broker, ledger=SqliteLedger(None, route=OrderRoute.PAPER_BUILTIN),
            team=team, risk=assemble_risk(trading, lambda: limits), events=NullEventBus(),
            publish_events=no_events, memory=NullMemory(), config_digest=lambda: "test",
            refresh_limits=lambda: (), route="built-in paper broker", initial_cash=CASH,
        )
    )  # fmt: skip
    price = close * float(action.price_factor)
    old, new = bars([FRIDAY], close), bars([FRIDAY, BEFORE], price)
    whole = bars([FRIDAY, BEFORE, EX_DATE], price)
    views = [
        view(opening(BEFORE) + timedelta(minutes=1), old, close),
        view(opening(BEFORE) + timedelta(minutes=5), old, close),
        view(opening(EX_DATE) + timedelta(minutes=1), new, price, action),
        view(opening(EX_DATE) + timedelta(minutes=6), new, price, action),
        view(opening(EX_DATE) + timedelta(hours=7), whole, None, action),
    ]
    reports = []
    for number, seen in enumerate(views):
        team.decisions = [enter("X", 0.1)] if number == 0 else []
        feed.seen = seen
        clock.set(seen.as_of)
        reports.append(engine.step(DECIDE_AND_PROTECT if number in (0, 2) else CHECK_AND_PROTECT))
    theirs, ours = broker.account(), engine.portfolio
    assert theirs.cash == ours.cash
    held = [{name: one.quantity for name, one in account.positions.items()} for account in (theirs, ours)]
    assert held[0] == held[1]
    return tuple(reports)


def check(action: CorporateAction, close: float, *, fractional: bool = True) -> None:
    """Hold the engine's equity against shares x price + cash, in fractions of the test's own."""
    reports = live_through(action, close, fractional=fractional)
    bought = reports[1].fills[0]
    shares = Fraction(bought.quantity) * Fraction(action.ratio)
    millionths = Fraction(round(shares * 1_000_000), 1_000_000)
    paid = round(Fraction(bought.quantity) * Fraction(action.cash_per_share) * 100)
    price = Fraction(to_price(close * float(action.price_factor)))
    cash = Fraction(CASH) - Fraction((bought.quantity * bought.price).quantize(CENT, ROUND_HALF_EVEN))
    expected = millionths * price + cash + Fraction(paid, 100)
    for report in reports[2:]:
        portfolio = report.plan.portfolio
        if fractional:
            assert round(Fraction(portfolio.equity) * 100) == round(expected * 100)
            assert Fraction(portfolio.positions["X"].quantity) == millionths
        else:
            assert abs(Fraction(portfolio.equity) - expected) <= Fraction(1, 100), (
                "a fraction is paid for in cash"
            )
            assert all(held.quantity % 1 == 0 for held in portfolio.positions.values())
        assert not report.plan.approved and not report.plan.refused and report.plan.state.value == "active"
    assert [action.action_id for action in reports[2].actions] == [action.action_id]
    assert not any(report.actions or report.fills or report.cash_movements for report in reports[3:])


def split(ratio: Decimal) -> CorporateAction:
    return CorporateAction(symbol="X", kind=ActionKind.SPLIT, ex_date=EX_DATE, ratio=ratio, source="test")


def dividend(cash: float, close: float) -> CorporateAction:
    return CorporateAction(
        symbol="X", kind=ActionKind.DIVIDEND, ex_date=EX_DATE, cash_per_share=Decimal(repr(round(cash, 6))),
        close_before=to_price(close), source="test",
    )  # fmt: skip


@given(new=st.integers(1, 50), old=st.integers(1, 50), close=st.floats(2.0, 4000.0), fractional=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_split_in_any_ratio_keeps_equity_and_orders_nothing(
    new: int, old: int, close: float, fractional: bool
) -> None:
    check(split(Decimal(new) / Decimal(old)), close, fractional=fractional)


@given(share=st.floats(0.0001, 0.6), close=st.floats(2.0, 4000.0))
@settings(max_examples=60, deadline=None)
def test_a_dividend_of_any_size_is_paid_and_orders_nothing(share: float, close: float) -> None:
    check(dividend(close * share, close), close)


def recorded() -> Iterator[tuple[CorporateAction, float]]:
    """Give every recorded split and dividend with the close before it as traded then; splits also reversed."""
    import pandas as pd

    daily = [pd.read_parquet(SHARED / f"universe_daily{part}.parquet") for part in ("", "_2025_2026")]
    closes = pd.concat(daily).pivot_table(index="date", columns="ticker", values="close").ffill()
    listed = pd.read_parquet(SHARED / "corporate_actions.parquet")
    days, tickers = listed["date"].to_list(), listed["ticker"].to_list()
    paid, ratios = listed["dividend"].to_list(), listed["split"].to_list()
    for day, ticker, cash, split_ratio in zip(days, tickers, paid, ratios, strict=True):
        if ticker not in closes:
            continue
        before = closes[ticker][closes.index < day].dropna()
        if not len(before):
            continue
        close, ratio = float(before.iloc[-1]), Fraction(split_ratio).limit_denominator(10_000)
        for one in (ratio, 1 / ratio) if ratio else ():
            yield split(Decimal(one.numerator) / Decimal(one.denominator)), close * float(ratio)
        if cash:
            yield dividend(cash, close), close


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the recorded corporate actions are not in the project")
def test_every_recorded_split_and_dividend_while_held_and_reversed() -> None:
    counts = {ActionKind.SPLIT: 0, ActionKind.DIVIDEND: 0}
    for action, close in recorded():
        check(action, close)
        counts[action.kind] += 1
    assert counts[ActionKind.SPLIT] >= 36 and counts[ActionKind.DIVIDEND] >= 2000, counts
