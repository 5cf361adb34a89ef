from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from adapters.calendar import NyseCalendar
from adapters.feeds.action_table import NO_ACTIONS, ActionTable
from adapters.feeds.daily_feed import DailyFeed
from adapters.feeds.ended_listings import SILENT_SESSIONS
from adapters.feeds.panel_feed import PanelFeed
from adapters.simulated.market import SimulatedMarket
from config.trading import DataSettings
from core.errors import DataError
from core.market import FIELDS
from core.types import ActionKind, BarPanel, MarketView, Quote
from tests.default_universe import DEFAULT

CALENDAR = NyseCalendar()
SETTINGS = DataSettings(history_years=2)
SYMBOLS = ("AAPL", "MSFT", "NVDA", "JPM", "XOM", "SPY")
MARKET = SimulatedMarket(CALENDAR, DEFAULT, seed=3)
MONDAY_OPEN = datetime(2024, 3, 11, 13, 30, tzinfo=UTC)
MONDAY_CLOSE = datetime(2024, 3, 11, 20, 0, tzinfo=UTC)


class Vendor:
    """A live vendor fed by the simulated market, late by 20 minutes, that can be told to fail."""

    name = "vendor"
    publication_delay = timedelta(minutes=20)
    replays_quotes = False

    def __init__(self) -> None:
        self.notes: Mapping[str, str] = {}
        self.asked: list[tuple[date, date]] = []
        self.quotes_asked = 0
        self.failing = False
        self.withheld: date | None = None
        self.quote_ages: dict[str, timedelta] = {}
        self.factors: dict[str, float] = {}

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        self.asked.append((start, end))
        if self.failing:
            raise DataError("the line is dead.")
        panel = MARKET.bars(symbols, start, end)
        hidden = self.withheld is not None and panel.sessions[-1] == np.datetime64(self.withheld, "D")
        return panel.prefix(len(panel.sessions) - 1) if hidden else panel

    def actions(self) -> ActionTable:
        return NO_ACTIONS

    def recorded_end(self) -> None:
        """It goes on."""

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        self.quotes_asked += 1
        if self.failing:
            raise DataError("the line is dead.")
        seen = MARKET.quotes(symbols, at)
        return {
            name: replace(
                quote,
                at=at - self.quote_ages.get(name, timedelta(0)),
                price=quote.price * self.factors.get(name, 1.0),
            )
            for name, quote in seen.items()
        }


def make() -> tuple[Vendor, DailyFeed]:
    vendor = Vendor()
    return vendor, DailyFeed(vendor, CALENDAR, SYMBOLS, SETTINGS)


def test_a_view_holds_the_closed_sessions_and_the_quotes_of_now() -> None:
    vendor, feed = make()
    view = feed.view(MONDAY_OPEN + timedelta(hours=1))
    assert str(view.session) == "2024-03-08"
    assert view.feed_fault == "" and view.stale == {} and view.market_open and view.source == "vendor"
    assert set(view.quotes) == set(SYMBOLS)
    assert view.price("AAPL") == MARKET.quotes(("AAPL",), view.as_of)["AAPL"].price
    assert vendor.asked == [(date(2022, 3, 9), date(2024, 3, 8))]


def test_bars_are_fetched_once_a_session_and_only_after_the_vendors_delay() -> None:
    vendor, feed = make()
    for minutes in range(0, 26 * 60, 15):
        view = feed.view(MONDAY_OPEN + timedelta(minutes=minutes))
        closed = view.as_of >= MONDAY_CLOSE + timedelta(minutes=20)
        assert str(view.session) == ("2024-03-11" if closed else "2024-03-08")
        assert view.feed_fault == ""
    assert [end for _, end in vendor.asked] == [date(2024, 3, 8), date(2024, 3, 11)]
    assert len({start for start, _ in vendor.asked}) == 1


def test_closed_days_need_neither_bars_nor_quotes() -> None:
    vendor, feed = make()
    for hours in range(0, 48, 6):
        view = feed.view(datetime(2024, 3, 9, 1, tzinfo=UTC) + timedelta(hours=hours))
        assert not view.market_open and not view.quotes and view.feed_fault == ""
    assert len(vendor.asked) == 1 and vendor.quotes_asked == 0


def test_a_failing_vendor_leaves_the_old_bars_a_fault_and_fewer_and_fewer_attempts() -> None:
    vendor, feed = make()
    feed.view(MONDAY_CLOSE - timedelta(hours=1))
    vendor.failing = True
    asked = len(vendor.asked)
    evening = MONDAY_CLOSE + timedelta(minutes=30)
    views = [feed.view(evening + timedelta(minutes=m)) for m in range(60)]
    assert all(str(view.session) == "2024-03-08" for view in views)
    assert all(
        "vendor failed" in view.feed_fault and "2024-03-11 is missing" in view.feed_fault for view in views
    )
    assert len(vendor.asked) - asked == 7  # at 0, 1, 3, 7, 15, 30, 45 minutes
    vendor.failing = False
    healed = feed.view(evening + timedelta(minutes=61))
    assert healed.feed_fault == "" and str(healed.session) == "2024-03-11" and feed.fault == ""


def test_without_any_bars_a_view_is_refused() -> None:
    vendor, feed = make()
    vendor.failing = True
    with pytest.raises(DataError, match="the line is dead"):
        feed.view(MONDAY_OPEN)
    with pytest.raises(DataError, match="the line is dead"):
        feed.view(MONDAY_OPEN + timedelta(seconds=10))
    assert len(vendor.asked) == 1


def test_a_late_session_is_a_fault_until_it_arrives() -> None:
    vendor, feed = make()
    vendor.withheld = date(2024, 3, 11)
    late = feed.view(MONDAY_CLOSE + timedelta(minutes=30))
    assert late.feed_fault == "The session 2024-03-11 is missing: the newest bars are of 2024-03-08."
    vendor.withheld = None
    assert feed.view(MONDAY_CLOSE + timedelta(minutes=32)).feed_fault == ""


def test_an_answer_that_the_source_calls_incomplete_is_asked_for_again() -> None:
    vendor, feed = make()
    vendor.notes = {"vendor": "half of it failed"}
    feed.view(MONDAY_OPEN)
    vendor.notes = {}
    feed.view(MONDAY_OPEN + timedelta(minutes=2))
    feed.view(MONDAY_OPEN + timedelta(minutes=30))
    assert len(vendor.asked) == 2


def test_an_old_quote_makes_its_symbol_stale_and_is_not_used() -> None:
    vendor, feed = make()
    vendor.quote_ages = {"AAPL": timedelta(seconds=901), "MSFT": timedelta(seconds=899)}
    view = feed.view(MONDAY_OPEN + timedelta(hours=1))
    assert view.stale == {"AAPL": "its last quote is 901 s old"}
    assert "AAPL" not in view.quotes and "MSFT" in view.quotes and view.feed_fault == ""


def test_many_old_quotes_are_a_fault_of_the_feed() -> None:
    vendor, feed = make()
    vendor.quote_ages = dict.fromkeys(SYMBOLS[:2], timedelta(hours=1))
    assert "2 of 6 symbols" in feed.view(MONDAY_OPEN + timedelta(hours=2)).feed_fault


def test_failing_quotes_are_a_fault_and_the_bars_stay() -> None:
    vendor, feed = make()
    feed.view(MONDAY_OPEN - timedelta(hours=1))
    vendor.failing = True
    view = feed.view(MONDAY_OPEN + timedelta(hours=1))
    assert "no quotes: the line is dead." in view.feed_fault and str(view.session) == "2024-03-08"
    assert set(view.stale) == set(SYMBOLS), "nothing is traded on the last close while the exchange is open"


def test_quotes_are_asked_for_at_most_every_half_minute() -> None:
    vendor, feed = make()
    for seconds in (0, 10, 29, 31, 40):
        feed.view(MONDAY_OPEN + timedelta(hours=1, seconds=seconds))
    assert vendor.quotes_asked == 2


def test_a_past_moment_asks_the_vendor_for_nothing() -> None:
    vendor, feed = make()
    feed.view(MONDAY_OPEN + timedelta(hours=1))
    vendor.failing = True
    past = feed.view(datetime(2024, 1, 10, 16, tzinfo=UTC))
    assert str(past.session) == "2024-01-09" and past.feed_fault == "" and not past.quotes and not past.stale
    assert len(vendor.asked) == 1 and vendor.quotes_asked == 1


def test_the_daily_feed_and_the_panel_feed_give_the_same_views() -> None:
    market = SimulatedMarket(CALENDAR, DEFAULT, seed=3)
    daily = DailyFeed(market, CALENDAR, SYMBOLS, SETTINGS, headlines=market.headlines)
    start = datetime(2024, 3, 8, 9, tzinfo=UTC)
    panel = market.bars(SYMBOLS, date(2022, 3, 8), date(2024, 3, 13))
    fixed = PanelFeed(
        panel, SETTINGS, CALENDAR, source="simulated", headlines=market.headlines,
        quotes=lambda at: market.quotes(SYMBOLS, at),
    )  # fmt: skip
    for minutes in range(0, 5 * 24 * 60, 45):
        as_of = start + timedelta(minutes=minutes)
        assert daily.view(as_of).digest() == fixed.view(as_of).digest()


def test_a_fixed_panel_quotes_a_sessions_opening_while_it_runs() -> None:
    panel = MARKET.bars(SYMBOLS, date(2023, 1, 3), date(2024, 3, 11))
    feed = PanelFeed(panel, SETTINGS, CALENDAR, source="parquet")
    view = feed.view(MONDAY_OPEN)
    assert str(view.session) == "2024-03-08" and view.market_open
    assert {name: quote.price for name, quote in view.quotes.items()} == dict(
        zip(SYMBOLS, panel.open[-1].tolist(), strict=True)
    )
    assert feed.view(MONDAY_CLOSE).quotes == {} and str(feed.view(MONDAY_CLOSE).session) == "2024-03-11"


def test_a_recorded_panel_is_stale_to_a_later_clock() -> None:
    panel = MARKET.bars(SYMBOLS, date(2023, 1, 3), date(2024, 3, 11))
    feed = PanelFeed(panel, SETTINGS, CALENDAR, source="parquet")
    assert feed.view(MONDAY_CLOSE).feed_fault == ""
    assert "2024-03-12 is missing" in feed.view(MONDAY_CLOSE + timedelta(days=1)).feed_fault


def test_a_view_is_a_prefix_without_copies() -> None:
    panel = MARKET.bars(SYMBOLS, date(2023, 1, 3), date(2024, 3, 11))
    feed = PanelFeed(panel, SETTINGS, CALENDAR, source="parquet")
    view = feed.view(datetime(2024, 1, 10, 16, tzinfo=UTC))
    assert np.shares_memory(view.bars.close, feed.panel.close)
    assert not view.bars.close.flags.writeable


def test_a_wrong_quote_is_no_price_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    vendor, feed = make()
    feed.view(MONDAY_OPEN + timedelta(minutes=55))
    vendor.factors = {"AAPL": 100.0}
    views = [feed.view(MONDAY_OPEN + timedelta(minutes=60 + 5 * k)) for k in range(3)]
    assert all("AAPL" not in view.quotes and "nothing confirms it" in view.stale["AAPL"] for view in views)
    assert len({view.stale["AAPL"] for view in views}) == 1
    assert sum("AAPL has no price to act on" in line for line in caplog.messages) == 1
    vendor.factors = {}
    right = feed.view(MONDAY_OPEN + timedelta(minutes=75))
    assert right.stale == {} and set(right.quotes) == set(SYMBOLS)


def test_looking_twice_within_a_poll_confirms_nothing() -> None:
    vendor, feed = make()
    feed.view(MONDAY_OPEN + timedelta(minutes=55))
    vendor.factors = {"AAPL": 0.8}
    for seconds in (0, 10, 20, 31, 59):
        assert "AAPL" in feed.view(MONDAY_OPEN + timedelta(minutes=60, seconds=seconds)).stale
    assert "AAPL" in feed.view(MONDAY_OPEN + timedelta(minutes=65)).quotes, "a crash, at the second poll"


class Delisting(Vendor):
    """A vendor without bars and quotes of some symbols after a day; some are quoted all the same."""

    def __init__(self, gone: Sequence[str], last: date, quoted: Sequence[str] = ()) -> None:
        super().__init__()
        self.gone, self.last, self.quoted = gone, last, quoted

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        panel = super().bars(symbols, start, end)
        after = panel.sessions > np.datetime64(self.last, "D")
        lost = after[:, None] & np.isin(symbols, self.gone)[None, :]
        fields: dict[str, Any] = {name: np.where(lost, np.nan, getattr(panel, name)) for name in FIELDS}
        return replace(panel, **fields)

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        return super().quotes([one for one in symbols if one not in self.gone or one in self.quoted], at)


def view_after(vendor: Vendor, sessions: int, hours: float) -> MarketView:
    """Look so many sessions after Monday, from its close or, with fewer hours, within it."""
    days = CALENDAR.sessions(MONDAY_OPEN.date(), date(2024, 4, 30))
    feed = DailyFeed(vendor, CALENDAR, SYMBOLS, SETTINGS)
    return feed.view(days[sessions][1] + timedelta(hours=hours))


def test_a_live_listing_that_ended_is_paid_out_at_its_last_close_after_ten_silent_sessions() -> None:
    vendor = Delisting(["NVDA"], MONDAY_OPEN.date())
    assert view_after(vendor, SILENT_SESSIONS, 3.0).actions == ()
    view = view_after(vendor, SILENT_SESSIONS, 8.0)
    (action,) = view.actions
    assert (action.symbol, action.kind) == ("NVDA", ActionKind.DELISTING)
    close = view.bars.close[:, view.bars.column["NVDA"]]
    assert float(action.cash_per_share) == pytest.approx(close[np.isfinite(close)][-1], abs=1e-4)
    assert "NVDA" in view.stale
    assert view_after(vendor, SILENT_SESSIONS + 5, 1.0).actions == view.actions


def test_of_names_that_left_the_universe_no_quote_is_missed() -> None:
    gone = SYMBOLS[:2]
    days = CALENDAR.sessions(MONDAY_OPEN.date(), date(2024, 4, 30))

    class Dated(Delisting):
        def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
            panel = super().bars(symbols, start, end)
            return replace(panel, member=np.tile(~np.isin(symbols, self.gone), (len(panel.sessions), 1)))

    assert "2 of 6 symbols" in view_after(Delisting(gone, days[3][0]), 5, 1.0).feed_fault
    left = view_after(Dated(gone, days[3][0]), 5, 1.0)
    assert left.feed_fault == ""
    assert set(gone) <= left.stale.keys()


def test_what_is_still_quoted_or_falls_silent_with_many_others_is_not_taken_as_delisted() -> None:
    quoted = Delisting(["NVDA"], MONDAY_OPEN.date(), quoted=["NVDA"])
    assert view_after(quoted, SILENT_SESSIONS + 2, 1.0).actions == ()
    many = Delisting(["NVDA", "JPM", "XOM"], MONDAY_OPEN.date())
    assert view_after(many, SILENT_SESSIONS + 2, 1.0).actions == ()
