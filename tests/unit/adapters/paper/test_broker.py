from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from adapters.paper.broker import PaperBroker
from adapters.paper.dry_run import DryRunBroker
from adapters.paper.hours import next_opening_date
from adapters.paper.store import InMemoryPaperStore, PaperStore, SqlitePaperStore
from config.broker import BrokerSettings
from core.brackets import Bracket
from core.entry_terms import EntryKind, EntryTerms
from core.errors import BrokerError, LedgerError
from core.ports import Broker
from core.times import opening
from core.types import ApprovedOrder, BarPanel, MarketView, Order, Portfolio, Quote, Side

FREE = BrokerSettings(initial_cash_usd=10_000, spread_bps=0, slippage_bps=0, fee_bps=0)
COSTLY = BrokerSettings(initial_cash_usd=10_000, spread_bps=3, slippage_bps=2, fee_bps=10)
DAYS = [date(2024, 3, 4) + timedelta(days=n) for n in range(5)]  # Monday to Friday
SYMBOLS = ("AAPL", "MSFT")
OHLC = [(100.0, 101.0, 99.0, 100.5), (102.0, 104.0, 98.0, 103.0), (104.0, 106.0, 103.0, 105.0),
        (95.0, 97.0, 94.0, 96.0), (97.0, 99.0, 96.0, 98.0)]  # fmt: skip


@dataclass
class HandClock:
    is_real_time = False
    at: datetime

    def now(self) -> datetime:
        return self.at


def closing(day: int) -> datetime:
    return datetime.combine(DAYS[day], datetime.min.time(), UTC) + timedelta(hours=21)


def panel(days: int, ohlc: list[tuple[float, float, float, float]] | None = None) -> BarPanel:
    table = np.array(ohlc or OHLC)[:days, :, None].repeat(len(SYMBOLS), axis=2)
    return BarPanel(
        sessions=np.array(DAYS[:days], dtype="datetime64[D]"),
        known_at=np.array([closing(d).replace(tzinfo=None) for d in range(days)], dtype="datetime64[us]"),
        symbols=SYMBOLS, open=table[:, 0], high=table[:, 1], low=table[:, 2], close=table[:, 3],
        volume=np.full((days, len(SYMBOLS)), 1e6),
    )  # fmt: skip


def at_close(day: int, **changes: object) -> MarketView:
    view = MarketView(as_of=closing(day), bars=panel(day + 1), source="test")
    return replace(view, **changes)  # type: ignore[arg-type]  # fields by name, checked at run time


def intraday(day: int, hour: float, price: float, *, symbol: str = "AAPL", is_open: bool = True) -> MarketView:
    at = datetime.combine(DAYS[day], datetime.min.time(), UTC) + timedelta(hours=hour)
    quotes = {symbol: Quote(symbol=symbol, price=price, at=at)}
    return MarketView(as_of=at, bars=panel(day), quotes=quotes, market_open=is_open, source="test")


def order(name: str, side: Side = Side.BUY, quantity: str = "10", **changes: object) -> ApprovedOrder:
    made = Order(
        client_order_id=name, decision_id="d", symbol="AAPL", side=side, quantity=Decimal(quantity),
        reference_price=Decimal("100.50"), rule="score",
    )  # fmt: skip
    return ApprovedOrder(order=structs.replace(made, **changes), weight=0.1)


def guard(stop_pct: str, target_pct: str) -> list[Bracket]:
    """Guard AAPL at fractions of its entry price."""
    return [
        Bracket(
            symbol="AAPL", decision_id="d", stop_loss_pct=Decimal(stop_pct), take_profit_pct=Decimal(target_pct)
        )
    ]


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PaperStore]:
    made: PaperStore = (
        InMemoryPaperStore() if request.param == "memory" else SqlitePaperStore(tmp_path / "paper.db")
    )
    yield made
    made.close()


def broker_at(moment: datetime, store: PaperStore | None = None, settings: BrokerSettings = FREE) -> PaperBroker:
    return PaperBroker(settings, HandClock(moment), store or InMemoryPaperStore())


def test_fills_at_the_next_open_and_not_at_the_price_decided_on(store: PaperStore) -> None:
    broker: Broker = broker_at(closing(0), store, COSTLY)
    assert broker.settle(at_close(0)).fills == ()
    assert broker.submit([order("buy")]) == {"buy": "submitted"}
    assert broker.settle(at_close(0)).fills == ()
    assert [o.client_order_id for o in broker.account().pending] == ["buy"]
    (fill,) = broker.settle(at_close(1)).fills
    assert (fill.fill_id, fill.price, fill.quantity) == ("buy-1", Decimal("102.0357"), Decimal(10))
    assert fill.fee == Decimal("1.02")
    assert fill.at == opening(DAYS[1]) == datetime(2024, 3, 5, 14, 30, tzinfo=UTC)
    account = broker.account()
    assert account.cash == Decimal("10000") - Decimal("1021.38")  # 1020.357 + 1.02
    assert account.positions["AAPL"].average_price == Decimal("102.0357")
    assert account.pending == ()


def test_an_order_sent_during_a_session_does_not_fill_at_that_sessions_open(store: PaperStore) -> None:
    broker = broker_at(intraday(1, 16, 101.0).as_of, store)
    broker.settle(intraday(1, 16, 101.0))
    broker.submit([order("buy")])
    assert broker.settle(at_close(1)).fills == ()
    (fill,) = broker.settle(at_close(2)).fills
    assert fill.price == Decimal("104.0000")


def test_fills_on_a_later_quote_while_the_market_is_open(store: PaperStore) -> None:
    seen = intraday(1, 15, 101.0)
    broker = broker_at(seen.as_of, store)
    broker.settle(seen)
    broker.submit([order("buy")])
    later = intraday(1, 15.25, 102.5)
    assert broker.settle(replace(later, quotes=seen.quotes)).fills == ()  # the quote it was decided on
    assert broker.settle(intraday(1, 15.5, 102.5, is_open=False)).fills == ()
    (fill,) = broker.settle(intraday(1, 15.75, 103.0)).fills
    assert (fill.price, fill.at) == (Decimal("103.0000"), intraday(1, 15.75, 1).as_of)


def test_a_quote_from_before_the_opening_fills_nothing() -> None:
    broker = broker_at(closing(0))
    broker.settle(at_close(0))
    broker.submit([order("buy")])
    early = intraday(1, 13, 99.0).quotes
    assert broker.settle(replace(intraday(1, 15, 101.0), quotes=early)).fills == ()
    assert broker.settle(intraday(1, 15.25, 101.0)).fills != ()


def test_a_view_that_is_not_later_fills_nothing() -> None:
    broker = broker_at(closing(0))
    broker.settle(at_close(1))
    broker.submit([order("buy")])
    assert broker.settle(at_close(1)).fills == ()
    assert broker.settle(at_close(0)).fills == ()
    assert broker.open_orders() != ()


def test_an_untrusted_feed_or_symbol_fills_nothing() -> None:
    broker = broker_at(closing(0))
    broker.submit([order("buy"), order("other", symbol="MSFT")])
    assert broker.settle(at_close(1, feed_fault="too many symbols are missing")).fills == ()
    fills = broker.settle(at_close(2, stale={"AAPL": "insane bar"})).fills
    assert [fill.symbol for fill in fills] == ["MSFT"]
    assert fills[0].price == Decimal("102.0000")  # the first session that opened after it was sent
    assert broker.statuses(["buy", "other", "?"]) == {"buy": "expired", "other": "filled"}


def test_a_collar_that_no_price_reaches_fills_nothing_and_expires(store: PaperStore) -> None:
    collar = EntryTerms(kind=EntryKind.LIMIT_COLLAR, collar_bps=Decimal(50))
    broker = PaperBroker(FREE, HandClock(closing(2)), store, collar)
    # The session after trades from 94 to 97: a decision on 90 has its limit at 90.45, one on 94.50 at 94.97.
    limits = {"out of reach": "90", "within the day": "94.50", "at the open": "100"}
    for name, price in limits.items():
        broker.submit([order(name, reference_price=Decimal(price))])
    fills = {fill.client_order_id: fill.price for fill in broker.settle(at_close(3)).fills}
    assert fills == {"within the day": Decimal("94.9700"), "at the open": Decimal("95.0000")}
    assert broker.statuses(list(limits)) == {
        "out of reach": "expired",
        "within the day": "filled",
        "at the open": "filled",
    }
    assert "none within 90.45 USD" in broker.reason("out of reach")
    assert broker.account().pending == ()


def test_a_collar_waits_for_a_quote_within_it_and_a_sale_has_none(store: PaperStore) -> None:
    collar = EntryTerms(kind=EntryKind.LIMIT_COLLAR, collar_bps=Decimal(50))
    seen = intraday(1, 15, 100.5)
    broker = PaperBroker(FREE, HandClock(seen.as_of), store, collar)
    broker.settle(seen)
    broker.submit([order("buy")])  # at most 101.00
    assert broker.settle(intraday(1, 15.25, 101.01)).fills == ()
    assert [o.client_order_id for o in broker.account().pending] == ["buy"]
    assert [fill.price for fill in broker.settle(intraday(1, 15.5, 101.0)).fills] == [Decimal("101.0000")]
    broker.submit([order("sale", Side.SELL)])
    assert "sale-1" in [fill.fill_id for fill in broker.settle(intraday(1, 15.75, 80.0)).fills]


def test_an_order_expires_after_a_session_without_a_price(store: PaperStore) -> None:
    broker = broker_at(closing(0), store)
    broker.submit([order("buy")])
    bars = panel(2)
    hole = bars.open.copy()
    hole[1, 0] = np.nan
    assert broker.settle(at_close(1, bars=replace(bars, open=hole))).fills == ()
    assert broker.statuses(["buy"]) == {"buy": "expired"}
    assert "2024-03-05" in broker.reason("buy")
    assert broker.settle(at_close(2)).fills == ()


def test_the_same_id_is_taken_once(store: PaperStore) -> None:
    broker = broker_at(closing(0), store)
    assert broker.submit([order("buy"), order("buy")]) == {"buy": "submitted"}
    assert len(broker.open_orders()) == 1
    broker.settle(at_close(1))
    assert broker.submit([order("buy")]) == {"buy": "filled"}
    assert len(broker.settle(at_close(2)).fills) == 1
    assert broker.account().positions["AAPL"].quantity == 10


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (order("x", quantity="100"), "buying power is 10000.00"),
        (order("x", quantity="0"), "not positive"),
        (order("x", Side.SELL), "0 are free to sell"),
    ],
)
def test_what_cannot_be_is_rejected_with_the_reason(asked: ApprovedOrder, why: str) -> None:
    broker = broker_at(closing(0))
    assert broker.submit([asked]) == {"x": "rejected"}
    assert why in broker.reason("x")
    assert broker.open_orders() == ()


def test_whole_shares_only_where_fractions_are_off() -> None:
    broker = broker_at(closing(0), settings=FREE.model_copy(update={"fractional_shares": False}))
    assert broker.submit([order("half", quantity="1.5"), order("one", quantity="1.0")]) == {
        "half": "rejected",
        "one": "submitted",
    }


def test_open_buys_bind_buying_power_and_open_sells_free_it() -> None:
    broker = broker_at(closing(0))
    statuses = broker.submit([order("a", quantity="60"), order("b", quantity="60")])
    assert statuses == {"a": "submitted", "b": "rejected"}
    broker.settle(at_close(1))
    statuses = broker.submit(
        [order("out", Side.SELL, "60"), order("twice", Side.SELL, "1"), order("c", quantity="90")]
    )
    assert statuses == {"out": "submitted", "twice": "rejected", "c": "submitted"}
    broker.acknowledge(["a-1"])
    assert [fill.side for fill in broker.settle(at_close(2)).fills] == [Side.SELL, Side.BUY]
    assert broker.account().cash >= 0


def test_a_buy_is_cut_to_cash_or_rejected_when_the_price_ran_away() -> None:
    cut = broker_at(closing(0))
    cut.submit([order("buy", quantity="99")])  # 99 x 102 = 10098 USD
    (fill,) = cut.settle(at_close(1)).fills
    assert fill.quantity == Decimal("98.039117")
    assert cut.account().cash == Decimal("0.01")
    assert cut.statuses(["buy"]) == {"buy": "cancelled"}
    assert "98.039117 of 99" in cut.reason("buy")
    refused = broker_at(closing(1))
    refused.submit([order("buy", quantity="104", reference_price=Decimal("95.00"))])
    assert refused.settle(at_close(2)).fills == ()
    assert refused.statuses(["buy"]) == {"buy": "rejected"}


def test_fills_come_until_they_are_acknowledged_across_restarts(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    broker = broker_at(closing(0), SqlitePaperStore(path))
    broker.submit([order("a"), order("b", symbol="MSFT")])
    given = broker.settle(at_close(1)).fills
    assert len(given) == 2
    assert broker.settle(at_close(2)).fills == given
    broker.acknowledge(["a-1", "unknown"])
    assert broker.settle(at_close(2)).fills == given[1:]
    broker.close()
    again = broker_at(closing(2), SqlitePaperStore(path))
    assert again.settle(at_close(3)).fills == given[1:]
    again.acknowledge(["b-1"])
    again.close()
    last = broker_at(closing(3), SqlitePaperStore(path))
    assert last.settle(at_close(4)).fills == ()
    assert set(last.account().positions) == {"AAPL", "MSFT"}
    last.close()


def test_a_killed_process_leaves_open_orders_and_book(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    first = broker_at(closing(0), SqlitePaperStore(path))
    first.settle(at_close(0))
    first.submit([order("a")])
    second = broker_at(closing(0), SqlitePaperStore(path))  # the first is never closed
    assert second.account() == first.account()
    assert second.submit([order("a")]) == {"a": "submitted"}
    assert [fill.fill_id for fill in second.settle(at_close(3)).fills] == ["a-1"]
    assert second.account().positions["AAPL"].average_price == 102
    second.close()
    first.close()


def test_after_a_failed_write_the_broker_is_where_the_file_is(tmp_path: Path) -> None:
    class FullDisk(SqlitePaperStore):
        full = False

        def save(self, changes, book):  # type: ignore[no-untyped-def]
            if self.full:
                raise LedgerError("disk full")
            super().save(changes, book)

    store = FullDisk(tmp_path / "paper.db")
    broker = broker_at(closing(0), store)
    broker.submit([order("a")])
    before, store.full = broker.account(), True
    with pytest.raises(LedgerError):
        broker.settle(at_close(1))
    assert broker.account() == before
    store.full = False
    assert len(broker.settle(at_close(1)).fills) == 1
    store.close()


def test_cancelling(store: PaperStore) -> None:
    broker = broker_at(closing(0), store)
    broker.submit([order("buy")])
    assert broker.cancel("buy") == "cancelled"
    assert broker.cancel("buy") == "cancelled"
    assert broker.settle(at_close(1)).fills == ()
    with pytest.raises(BrokerError, match="no order stranger"):
        broker.cancel("stranger")


def entered(store: PaperStore, stop_pct: str, target_pct: str) -> PaperBroker:
    """Send a buy after Monday's close, guarded from its fill on."""
    broker = broker_at(closing(0), store)
    broker.settle(at_close(0))
    broker.submit([order("buy")])
    broker.protect(guard(stop_pct, target_pct))
    return broker


class TestGuarded:
    def test_the_stop_is_hit_within_the_bar_of_the_entry(self, store: PaperStore) -> None:
        broker = entered(store, "-0.03", "0.01")
        entry, out = broker.settle(at_close(1)).fills  # open 102, high 104, low 98: both levels touched
        assert (entry.fill_id, entry.price) == ("buy-1", Decimal("102.0000"))
        assert (out.fill_id, out.price, out.at) == ("d-AAPL-protect-1", Decimal("98.9400"), closing(1))
        assert (out.rule, out.side, out.quantity) == ("stop_loss", Side.SELL, Decimal(10))
        assert broker.account() == Portfolio(cash=Decimal("9969.40"))

    def test_a_gap_through_the_stop_fills_at_the_open(self, store: PaperStore) -> None:
        broker = entered(store, "-0.05", "0.10")
        broker.settle(at_close(1))
        broker.acknowledge(["buy-1"])
        assert broker.settle(at_close(2)).fills == ()
        (out,) = broker.settle(at_close(3)).fills
        assert (out.price, out.at) == (Decimal("95.0000"), opening(DAYS[3]))

    def test_days_away_are_looked_at_one_by_one(self, store: PaperStore) -> None:
        broker = entered(store, "-0.05", "0.034")
        assert [(f.rule, f.price) for f in broker.settle(at_close(4)).fills] == [
            ("score", Decimal("102.0000")),
            ("take_profit", Decimal("105.4680")),
        ]

    def test_without_a_position_nothing_is_sold_and_a_market_exit_comes_first(self) -> None:
        broker = entered(InMemoryPaperStore(), "-0.05", "0.10")
        broker.settle(at_close(1))
        broker.submit([order("sell", Side.SELL)])
        fills = broker.settle(at_close(4)).fills
        assert [fill.fill_id for fill in fills] == ["buy-1", "sell-1"]

    def test_a_bar_is_looked_at_once_and_new_levels_replace_old(self) -> None:
        broker = entered(InMemoryPaperStore(), "-0.50", "0.50")
        broker.settle(at_close(1))  # low 98
        broker.protect(guard("-0.03", "0.50"))  # 98.94 would have been hit on the bar before
        assert [fill.fill_id for fill in broker.settle(at_close(2)).fills] == ["buy-1"]

    def test_an_entry_on_a_quote_is_not_judged_by_that_days_bar(self) -> None:
        broker = broker_at(intraday(1, 14, 0.5).as_of)  # before Tuesday's opening
        broker.settle(at_close(0))
        broker.submit([order("buy")])
        broker.protect(guard("-0.03", "0.50"))
        broker.settle(intraday(1, 15, 102.0))
        assert [fill.fill_id for fill in broker.settle(at_close(1)).fills] == ["buy-1"]

    def test_guards_outlive_the_process(self, tmp_path: Path) -> None:
        path = tmp_path / "paper.db"
        first = entered(SqlitePaperStore(path), "-0.03", "0.50")
        first.close()
        second = broker_at(closing(0), SqlitePaperStore(path))
        assert [fill.rule for fill in second.settle(at_close(1)).fills] == ["score", "stop_loss"]
        second.close()


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2024, 3, 8, 14, 29, tzinfo=UTC), date(2024, 3, 8)),  # winter time: 14:30 UTC
        (datetime(2024, 3, 8, 14, 30, tzinfo=UTC), date(2024, 3, 9)),
        (datetime(2024, 3, 11, 13, 29, tzinfo=UTC), date(2024, 3, 11)),  # summer time: 13:30 UTC
        (datetime(2024, 3, 11, 13, 31, tzinfo=UTC), date(2024, 3, 12)),
        (datetime(2024, 3, 12, 2, 0, tzinfo=UTC), date(2024, 3, 12)),  # still the 11th in New York
    ],
)
def test_the_next_opening(at: datetime, expected: date) -> None:
    assert next_opening_date(at) == expected


def test_the_dry_run_broker_keeps_nothing() -> None:
    broker: Broker = DryRunBroker("dry run")
    assert broker.submit([order("buy")]) == {"buy": "dry_run"}
    assert broker.settle(at_close(1)).fills == ()
    assert broker.account() == Portfolio(cash=Decimal(0))
