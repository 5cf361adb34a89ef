"""The real alpaca-py against a local server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import pytest

from adapters.alpaca.bars import AlpacaBars, connect
from adapters.calendar import NyseCalendar
from adapters.feeds.daily_feed import DailyFeed
from adapters.feeds.vendor_bars import VendorBars
from config.trading import DataSettings
from core.errors import DataError
from tests.servers.alpaca_data import AlpacaData, alpaca_data_server, bar, quote_json, trade_json
from tests.servers.local_http import Answer, Asked, local_server

CALENDAR = NyseCalendar()
START, END = date(2024, 1, 2), date(2024, 2, 15)
DAYS = [str(day) for day, *_ in CALENDAR.sessions(START, date(2024, 3, 1))]


@pytest.fixture
def alpaca() -> Iterator[AlpacaData]:
    bars = {
        name: [bar(day, base + k) for k, day in enumerate(DAYS)]
        for name, base in (("AAPL", 100.0), ("SPY", 400.0))
    }
    with alpaca_data_server(AlpacaData(bars=bars)) as server:
        yield server


def client(alpaca: AlpacaData) -> VendorBars:
    vendor = connect("key", "secret", timeout_seconds=2.0, url_override=alpaca.url)
    vendor._retry_wait = 0  # the vendor's three seconds between attempts
    return VendorBars(AlpacaBars(vendor, CALENDAR), CALENDAR)


def test_bars_arrive_over_all_pages_fully_adjusted(alpaca: AlpacaData) -> None:
    alpaca.bars_a_page = 7
    panel = client(alpaca).bars(("SPY", "GONE", "AAPL"), START, END)
    count = sum(day <= END.isoformat() for day in DAYS)
    assert [str(day) for day in panel.sessions] == DAYS[:count]
    np.testing.assert_array_equal(panel.close[:, 0], 400.0 + np.arange(count))
    np.testing.assert_array_equal(panel.open[:, 2], 99.0 + np.arange(count))
    assert np.isnan(panel.close[:, 1]).all()
    assert len(alpaca.asked) == -(-2 * count // 7)
    query = alpaca.asked[0][1]
    assert (query["adjustment"], query["timeframe"], query["feed"]) == ("all", "1Day", "sip")
    assert query["end"] == "2024-02-15T21:00:00+00:00"  # no later, or the free plan refuses


def test_a_passing_rate_limit_is_survived(alpaca: AlpacaData) -> None:
    alpaca.refusals = [429, 429]
    assert np.isfinite(client(alpaca).bars(("SPY",), START, END).close).all()
    assert len(alpaca.asked) == 3


def test_a_lasting_rate_limit_is_a_data_error(alpaca: AlpacaData) -> None:
    alpaca.refusals = [429] * 10
    with pytest.raises(DataError, match=r"refused \(429\)"):
        client(alpaca).bars(("SPY",), START, END)


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_keys_are_a_data_error_with_a_hint(alpaca: AlpacaData, status: int) -> None:
    alpaca.refusals = [status]
    with pytest.raises(DataError, match="ALPACA_API_KEY"):
        client(alpaca).bars(("SPY",), START, END)
    assert len(alpaca.asked) == 1


def test_a_dead_server_is_a_data_error() -> None:
    with alpaca_data_server(AlpacaData()) as gone:
        pass
    with pytest.raises(DataError, match="can't be reached"):
        client(gone).bars(("SPY",), START, END)


def test_bars_without_a_field_are_refused_by_name(alpaca: AlpacaData) -> None:
    alpaca.conformance = None  # the document has a volume in every bar
    for row in alpaca.bars["SPY"]:
        del row["v"]
    with pytest.raises(DataError, match="SPY have no v"):
        client(alpaca).bars(("SPY",), START, END)


@pytest.mark.parametrize(
    "changed",
    [{"c": "x"}, {"c": [1]}, {"t": None}, {"t": "x"}, {"t": 3}],
)  # fmt: skip
def test_bars_that_cannot_be_read_are_a_data_error_by_name(changed: dict[str, object]) -> None:
    body = {"bars": {"AAPL": [bar(DAYS[0], 1.0) | changed]}, "next_page_token": None}
    with local_server(lambda _: Answer(body=body)) as port:
        vendor = connect("key", "secret", timeout_seconds=2.0, url_override=f"http://127.0.0.1:{port}")
        with pytest.raises(DataError, match="bars of AAPL cannot be read"):
            AlpacaBars(vendor, CALENDAR).rows(("AAPL",), START, END)


def test_pages_without_end_are_a_data_error() -> None:
    asked = []

    def answer(request: Asked) -> Answer:
        asked.append(request.query.get("page_token"))
        return Answer(body={"bars": {"SPY": [bar(DAYS[0], 1.0)]}, "next_page_token": "again"})

    with local_server(answer) as port:
        vendor = connect("key", "secret", timeout_seconds=2.0, url_override=f"http://127.0.0.1:{port}")
        with pytest.raises(DataError, match="the same page of a list is given again"):
            AlpacaBars(vendor, CALENDAR).rows(("SPY",), START, END)
    assert asked == [None, "again"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"latestTrade": {"p": "abc", "t": "2024-02-15T15:00:00Z"}}, {"latestTrade": {"p": 1}}, [1], 1,
        {"latestTrade": {"p": 1, "t": "x"}}, {"latestTrade": [1]}, {"latestTrade": {"p": 1, "t": 12}},
        {"latestTrade": {"p": 1, "t": "2024-02-15T15:00:00Z"}, "dailyBar": {"o": None, "t": "2024-02-15"}},
        {"latestTrade": {"p": 1, "t": "2024-02-15T15:00:00Z"}, "latestQuote": [1]},
    ],
)  # fmt: skip
def test_a_quote_that_cannot_be_read_costs_no_other_symbol_its_own(wrong: object) -> None:
    right = {"latestTrade": trade_json(400.0, "2024-02-15T15:00:00Z")}
    with local_server(lambda _: Answer(body={"AAPL": wrong, "SPY": right})) as port:
        vendor = connect("key", "secret", timeout_seconds=2.0, url_override=f"http://127.0.0.1:{port}")
        found = AlpacaBars(vendor, CALENDAR).quotes(("AAPL", "SPY"), datetime(2024, 2, 15, 15, tzinfo=UTC))
    assert {name: quote.price for name, quote in found.items()} == {"SPY": 400.0}


def test_quotes_are_the_last_trades_with_todays_opening(alpaca: AlpacaData) -> None:
    alpaca.snapshots = {
        "AAPL": {
            "latestTrade": trade_json(180.5, "2024-03-01T15:59:58.123456789Z"),
            "latestQuote": quote_json(180.4, 180.6, "2024-03-01T15:59:59.5Z"),
            "dailyBar": bar("2024-03-01", 181.0),
        },
        "SPY": {
            "latestTrade": trade_json(180.5, "2024-02-29T20:00:00Z"),
            "latestQuote": quote_json(0, 500.1, "2024-02-29T20:00:00Z"),  # no buyer: no evidence
            "dailyBar": bar("2024-02-29", 500.0),
        },
        "MSFT": {},
    }
    quotes = client(alpaca).quotes(("AAPL", "SPY", "MSFT", "GONE"), datetime(2024, 3, 1, 16, tzinfo=UTC))
    assert set(quotes) == {"AAPL", "SPY"}
    assert quotes["AAPL"].price == 180.5 and quotes["AAPL"].session_open == 180.0
    assert quotes["AAPL"].at == datetime(2024, 3, 1, 15, 59, 58, 123456, tzinfo=UTC)
    assert (quotes["AAPL"].bid, quotes["AAPL"].ask) == (180.4, 180.6)
    assert quotes["AAPL"].bid_ask_at == datetime(2024, 3, 1, 15, 59, 59, 500_000, tzinfo=UTC)
    assert quotes["SPY"].bid is None and quotes["SPY"].ask is None
    assert quotes["SPY"].session_open is None and quotes["SPY"].at == datetime(2024, 2, 29, 20, tzinfo=UTC)
    assert alpaca.asked[0][1]["feed"] == "iex"


@pytest.mark.parametrize(
    ("price", "bid", "ask", "reason"),
    [
        (1.33, 132.9, 133.1, "lies outside its bid 132.9 and ask 133.1"),
        (13300.0, 132.9, 133.1, "lies outside"),
        (13300.0, 0, 0, "nothing confirms it"),
        (133.0, 133.2, 132.9, "its bid 133.2 is above its ask 132.9"),
        (105.0, 104.9, 105.1, ""),
        (133.0, 0, 0, ""),
    ],
    ids=["unit", "unit up", "unit, no bid", "crossed", "a crash that bid and ask confirm", "the right price"],
)
def test_a_wrong_last_trade_is_no_price(
    alpaca: AlpacaData, price: float, bid: float, ask: float, reason: str
) -> None:
    at = datetime(2024, 2, 16, 16, tzinfo=UTC)
    spy = {"latestTrade": trade_json(433.0, "2024-02-16T15:59:50Z")}
    alpaca.snapshots = {
        "SPY": spy,
        "AAPL": {
            "latestTrade": trade_json(price, "2024-02-16T15:59:50Z"),
            "latestQuote": quote_json(bid, ask, "2024-02-16T15:59:55Z"),
        },
    }
    settings = DataSettings(history_years=2, missing_symbols_max_pct=0.6)
    feed = DailyFeed(client(alpaca), CALENDAR, ("AAPL", "SPY"), settings)
    view = feed.view(at)
    assert "SPY" in view.quotes
    assert ("AAPL" in view.quotes) is (reason == "")
    assert reason in view.stale.get("AAPL", "")
