"""Double entry: the paper broker's book, the engine's book and the ledger's fills agree after any week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore, PaperStore, SqlitePaperStore
from config.broker import BrokerSettings
from core.brackets import Bracket
from core.times import market_date
from core.types import ApprovedOrder, BarPanel, Fill, MarketView, Order, OrderStatus, Portfolio, Quote, Side
from pipeline.fills import apply_fills

SYMBOLS = ("AAPL", "MSFT", "XOM")
SESSIONS = 30
MONDAY = datetime(2024, 1, 1, 21, tzinfo=UTC)
CASH = Decimal(20_000)


class HandClock:
    is_real_time = False
    at = MONDAY

    def now(self) -> datetime:
        return self.at


def walk(seed: int) -> BarPanel:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.03, (SESSIONS, len(SYMBOLS))), axis=0))
    opened = close * np.exp(rng.normal(0, 0.02, close.shape))
    opened[rng.random(close.shape) < 0.05] = np.nan
    spread = np.exp(np.abs(rng.normal(0, 0.02, close.shape)))
    days = np.datetime64("2024-01-01") + np.arange(SESSIONS)
    known = np.array([MONDAY.replace(tzinfo=None) + timedelta(days=n) for n in range(SESSIONS)], "datetime64[us]")
    return BarPanel(
        sessions=days, known_at=known, symbols=SYMBOLS,
        open=opened, high=np.fmax(opened, close) * spread, low=np.fmin(opened, close) / spread,
        close=close, volume=np.full(close.shape, 1e6),
    )  # fmt: skip


def orders_of(rng: np.random.Generator, name: str, account: Portfolio, view: MarketView) -> list[ApprovedOrder]:
    """Make any orders: entries, exits of what is held, and nonsense that must be rejected."""
    out: list[ApprovedOrder] = []
    for symbol in SYMBOLS:
        kind, price = rng.integers(0, 6), Decimal(repr(round(view.price(symbol) or 100.0, 4)))
        held = account.positions.get(symbol)
        sized = Decimal(repr(round(float(rng.uniform(1, 90)), 6)))
        wanted: list[tuple[Side, Decimal]] = []
        if kind == 0:
            wanted = [(Side.BUY, sized)]
        elif kind == 1 and held:
            wanted = [(Side.SELL, held.quantity)]
        elif kind == 2:
            wanted = [(Side.SELL, sized)]
        out += [
            ApprovedOrder(
                order=Order(
                    client_order_id=f"{name}-{symbol}-{index}", decision_id=name, symbol=symbol, side=side,
                    quantity=quantity, reference_price=price, rule="any",
                ),
                weight=0.1,
            )
            for index, (side, quantity) in enumerate(wanted)
        ]  # fmt: skip
    return out


def guards_of(rng: np.random.Generator, name: str) -> list[Bracket]:
    """Guard any symbols, held or not, near or far."""
    return [
        Bracket(
            symbol=symbol, decision_id=name, stop_loss_pct=Decimal(int(rng.integers(-9, 0))) / 100,
            take_profit_pct=Decimal(int(rng.integers(1, 9))) / 100,
        )
        for symbol in SYMBOLS
        if rng.random() < 0.8
    ]  # fmt: skip


def live_through(seed: int, store: PaperStore, costs: BrokerSettings) -> tuple[list[Fill], dict[str, str]]:
    """Live through a month by closes and noon quotes, comparing the two books after every step."""
    rng, bars, clock = np.random.default_rng(seed + 1), walk(seed), HandClock()
    broker = PaperBroker(costs, clock, store)
    book = Portfolio(cash=CASH)
    booked: list[Fill] = []
    sent: dict[str, str] = {}
    for step in range(2 * SESSIONS):
        day, noon = step // 2, step % 2 == 0
        clock.at = MONDAY + timedelta(days=day) - (timedelta(hours=5) if noon else timedelta(0))
        known = bars.prefix(bars.rows_known(clock.at))
        price = float(bars.close[day, 0])
        quotes = {"AAPL": Quote(symbol="AAPL", price=price, at=clock.at)} if noon else {}
        view = MarketView(as_of=clock.at, bars=known, quotes=quotes, market_open=noon)
        fills = [fill for fill in broker.settle(view).fills if fill not in booked]
        assert all(clock.at - timedelta(days=2) < fill.at <= clock.at for fill in fills)
        book = apply_fills(book, fills, market_date)
        booked += fills
        if rng.random() < 0.7:
            broker.acknowledge([fill.fill_id for fill in booked])
        same_books(broker.account(), book)
        broker.protect(guards_of(rng, f"s{step}"))
        sent.update(broker.submit(orders_of(rng, f"s{step}", broker.account(), view)))
    return booked, dict(broker.statuses(list(sent)))


def same_books(theirs: Portfolio, ours: Portfolio) -> None:
    assert theirs.cash == ours.cash >= 0
    assert set(theirs.positions) == set(ours.positions)
    for symbol, held in theirs.positions.items():
        mine = ours.positions[symbol]
        assert (held.quantity, held.entry_at, held.entry_session) == (
            mine.quantity, mine.entry_at, mine.entry_session,
        )  # fmt: skip
        assert abs(held.average_price - mine.average_price) < Decimal("1e-18")


COSTS = BrokerSettings(initial_cash_usd=float(CASH), spread_bps=5, slippage_bps=3, fee_bps=2)


@given(seed=st.integers(0, 10_000), fractional=st.booleans())
@settings(max_examples=30, deadline=None)
def test_both_books_agree_at_every_step(seed: int, fractional: bool) -> None:
    costs = COSTS.model_copy(update={"fractional_shares": fractional})
    booked, statuses = live_through(seed, InMemoryPaperStore(), costs)
    names = {fill.client_order_id for fill in booked}
    assert len(names) == len({fill.fill_id for fill in booked}) == len(booked)
    for name, status in statuses.items():
        if status == OrderStatus.FILLED:
            assert name in names
        if status in (OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.SUBMITTED):
            assert name not in names


def test_the_months_trade_guard_expire_and_reject(tmp_path: Path) -> None:
    seen: set[str] = set()
    rules: set[tuple[Side, str]] = set()
    for seed in range(4):
        booked, statuses = live_through(seed, InMemoryPaperStore(), COSTS)
        store = SqlitePaperStore(tmp_path / f"{seed}.db")
        assert live_through(seed, store, COSTS) == (booked, statuses)
        store.close()
        seen |= set(statuses.values())
        rules |= {(fill.side, fill.rule) for fill in booked}
    assert seen >= {"filled", "rejected", "expired"}
    assert rules == {(Side.BUY, "any"), (Side.SELL, "any"), (Side.SELL, "stop_loss"), (Side.SELL, "take_profit")}
