"""The real yfinance against a local server that answers like Yahoo's chart endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from adapters.calendar import NyseCalendar
from adapters.feeds.vendor_bars import VendorBars
from adapters.yahoo.bars import YahooUnavailable, YfinanceBars
from core.errors import DataError
from tests.servers.yahoo import VENDOR_FOLDER, Row, Yahoo, yahoo_server

CALENDAR = NyseCalendar()
START, END = date(2024, 1, 2), date(2024, 2, 15)
DAYS = [day for day, *_ in CALENDAR.sessions(START, date(2024, 3, 1))]
SYMBOLS = ("AAPL", "MSFT", "SPY")


def rows(base: float, dividend: float = 0.98) -> list[Row]:
    out: list[Row] = []
    for index, day in enumerate(DAYS):
        close = base + index
        out.append((day, close - 1, close + 1, close - 2, close, close * dividend, 1_000_000 + index))
    return out


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    with yahoo_server(Yahoo(rows={name: rows(100.0 + 50 * k) for k, name in enumerate(SYMBOLS)})) as server:
        yield server


def vendor(yahoo: Yahoo, timeout_seconds: float = 2.0) -> YfinanceBars:
    return YfinanceBars(
        vendor_folder=VENDOR_FOLDER, timeout_seconds=timeout_seconds, session=yahoo.session(),
        backoff_seconds=0.01,
    )  # fmt: skip


def client(yahoo: Yahoo) -> VendorBars:
    return VendorBars(vendor(yahoo), CALENDAR)


def test_bars_are_total_return_adjusted_and_end_with_the_day_asked_for(yahoo: Yahoo) -> None:
    panel = client(yahoo).bars(SYMBOLS, START, END)
    assert [str(day) for day in panel.sessions] == [str(day) for day in DAYS if day <= END]
    first = rows(150.0)[0]
    factor = first[5] / first[4]
    column = panel.column["MSFT"]
    got = [float(getattr(panel, name)[0, column]) for name in ("open", "high", "low", "close", "volume")]
    np.testing.assert_allclose(got, [price * factor for price in first[1:5]] + [first[6]], rtol=1e-12)
    assert {symbol for symbol, *_ in yahoo.spans()} == set(SYMBOLS)


def test_an_unknown_symbol_is_a_column_of_nan_and_the_rest_arrives(yahoo: Yahoo) -> None:
    panel = client(yahoo).bars(("AAPL", "GONE", "SPY"), START, END)
    assert np.isnan(panel.close[:, 1]).all()
    assert np.isfinite(panel.close[:, [0, 2]]).all()


def test_a_share_class_is_asked_for_in_yahoos_spelling_and_comes_back_in_ours(yahoo: Yahoo) -> None:
    yahoo.rows["BRK-B"] = rows(400.0)
    panel = client(yahoo).bars(("AAPL", "BRK.B", "SPY"), START, END)
    assert panel.symbols == ("AAPL", "BRK.B", "SPY")
    assert np.isfinite(panel.close).all()
    assert panel.close[0, 1] > panel.close[0, 0]
    assert {symbol for symbol, *_ in yahoo.spans()} == {"AAPL", "BRK-B", "SPY"}


def test_rows_of_null_are_holes(yahoo: Yahoo) -> None:
    nan = float("nan")
    yahoo.rows["AAPL"][3] = (DAYS[3], nan, nan, nan, nan, nan, 0)
    panel = client(yahoo).bars(SYMBOLS, START, END)
    assert np.isnan(panel.close[3, 0]) and np.isfinite(panel.close[3, 1:]).all()
    assert np.isfinite(np.delete(panel.close[:, 0], 3)).all()


def test_only_unknown_symbols_is_no_refusal_by_yahoo(yahoo: Yahoo) -> None:
    with pytest.raises(DataError, match="no bars of GONE") as caught:
        client(yahoo).bars(("GONE",), START, END)
    assert not isinstance(caught.value, YahooUnavailable)


@pytest.mark.parametrize("status", [429, 401, 500])
def test_a_refusal_is_tried_again_and_then_the_breaker_lets_yahoo_rest(yahoo: Yahoo, status: int) -> None:
    yahoo.status = lambda symbol: status
    source = client(yahoo)
    with pytest.raises(YahooUnavailable, match="did not answer"):
        source.bars(SYMBOLS, START, END)
    asked = len(yahoo.asked)
    assert asked >= 3
    with pytest.raises(YahooUnavailable, match="refused 3 times and is not asked"):
        source.bars(SYMBOLS, START, END)
    assert len(yahoo.asked) == asked


def test_a_refusal_that_passes_is_survived(yahoo: Yahoo) -> None:
    yahoo.status = lambda symbol: 429 if len(yahoo.asked) <= 6 else 200
    panel = client(yahoo).bars(SYMBOLS, START, END)
    assert np.isfinite(panel.close).all() and len(panel.sessions) == 32


def test_a_rate_limit_on_one_symbol_is_not_taken_for_a_missing_symbol(yahoo: Yahoo) -> None:
    yahoo.status = lambda symbol: 429 if symbol == "MSFT" else 200
    with pytest.raises(YahooUnavailable, match="only in part"):
        client(yahoo).bars(SYMBOLS, START, END)


def test_a_dead_server_is_a_data_error_within_seconds() -> None:
    with yahoo_server(Yahoo()) as gone:
        pass
    began = time.monotonic()
    with pytest.raises(DataError, match="did not answer"):
        client(gone).bars(SYMBOLS, START, END)
    assert time.monotonic() - began < 20  # hangs are what this guards against, not slowness


def test_a_silent_server_is_given_up_on(yahoo: Yahoo) -> None:
    def sleep(symbol: str) -> int:
        time.sleep(1.0)
        return 200

    yahoo.status = sleep
    with pytest.raises(DataError, match="did not answer within"):
        vendor(yahoo).probe(datetime(2024, 2, 16, tzinfo=UTC), seconds=0.1)


def test_a_probe_asks_for_the_benchmark_alone(yahoo: Yahoo) -> None:
    vendor(yahoo).probe(datetime(2024, 2, 16, tzinfo=UTC), seconds=10.0)
    assert {symbol for symbol, _ in yahoo.asked} == {"SPY"}


def test_quotes_are_the_newest_minute_as_traded_and_carry_its_time(yahoo: Yahoo) -> None:
    at = datetime(2024, 3, 1, 16, 0, 30, tzinfo=UTC)
    opened = datetime(2024, 3, 1, 14, 30, tzinfo=UTC)
    yahoo.minutes = {
        "AAPL": [(opened, 141.0), (at.replace(second=0), 143.0)],
        "SPY": [(opened, 241.0), (at.replace(second=0) - timedelta(minutes=30), 240.0)],
    }
    quotes = client(yahoo).quotes(("AAPL", "SPY", "GONE"), at)
    assert set(quotes) == {"AAPL", "SPY"}
    assert (quotes["AAPL"].price, quotes["AAPL"].session_open, quotes["AAPL"].at) == (143.0, 141.0, at)
    assert quotes["SPY"].at == at.replace(second=0) - timedelta(minutes=29)


def test_a_dividend_that_yahoo_did_not_adjust_for_is_adjusted_for(yahoo: Yahoo) -> None:
    ex_date = DAYS[20]
    cheaper = rows(94.0, dividend=1.0)
    yahoo.rows["AAPL"] = [*rows(100.0, dividend=1.0)[:20], *cheaper[20:]]
    yahoo.dividends = {"AAPL": {ex_date: 6.0}}
    source = client(yahoo)
    panel = source.bars(SYMBOLS, START, END)
    before = yahoo.rows["AAPL"][19][4]
    np.testing.assert_allclose(panel.close[19, 0], before * (1 - 6.0 / before), rtol=1e-9)
    assert panel.close[20, 0] == yahoo.rows["AAPL"][20][4]
    assert list(source.notes) == ["AAPL"] and str(ex_date) in source.notes["AAPL"]


def test_a_split_that_yahoo_did_not_apply_is_applied(yahoo: Yahoo) -> None:
    plain = rows(400.0, dividend=1.0)
    applied = [(d, o / 4, h / 4, low / 4, c / 4, c / 4, v * 4) for d, o, h, low, c, _, v in plain]
    yahoo.rows["MSFT"] = [*plain[:20], *applied[20:]]
    yahoo.splits = {"MSFT": {DAYS[20]: (4, 1)}}
    source = client(yahoo)
    panel = source.bars(SYMBOLS, START, END)
    held = [row for row in plain if row[0] <= END]
    np.testing.assert_allclose(panel.close[:, 1], [row[4] / 4 for row in held], rtol=1e-9)
    np.testing.assert_allclose(panel.volume[:, 1], [row[6] * 4 for row in held], rtol=1e-9)
    assert "off by 4" in source.notes["MSFT"]
