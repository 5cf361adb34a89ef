from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.calendar import NyseCalendar
from adapters.feeds.quality import inspect
from adapters.simulated.market import FIRST_SESSION, SimulatedMarket
from adapters.simulated.news import BAD, GOOD, SPLIT_ROW, SPLIT_SYMBOL
from config.trading import DataSettings
from tests.default_universe import DEFAULT, SECTOR_MAP, STOCKS, UNIVERSE

CALENDAR = NyseCalendar()
UNTIL = date(2024, 6, 28)
MARKET = SimulatedMarket(CALENDAR, DEFAULT)
NEWS_AT = datetime(2024, 3, 13, 22, tzinfo=UTC)
PANEL = MARKET.bars(UNIVERSE, FIRST_SESSION, UNTIL)
FIELDS = ("open", "high", "low", "close", "volume")


def test_it_has_a_bar_for_every_session_and_symbol_and_passes_the_gate() -> None:
    assert [str(day) for day in PANEL.sessions] == [
        str(day) for day, *_ in CALENDAR.sessions(FIRST_SESSION, UNTIL)
    ]
    assert PANEL.symbols == UNIVERSE
    assert all(np.isfinite(getattr(PANEL, name)).all() for name in FIELDS)
    assert inspect(PANEL, DataSettings(), fetched_at=datetime(2030, 1, 1, tzinfo=UTC)).notes == ()


@settings(max_examples=8, deadline=None)
@given(days=st.integers(0, 3000), seed=st.integers(0, 2**32))
def test_later_days_never_change_the_past(days: int, seed: int) -> None:
    cut = FIRST_SESSION + timedelta(days=days)
    short = SimulatedMarket(CALENDAR, DEFAULT, seed).bars(UNIVERSE, FIRST_SESSION, cut)
    long = SimulatedMarket(CALENDAR, DEFAULT, seed).bars(UNIVERSE, FIRST_SESSION, UNTIL)
    rows = len(short.sessions)
    assert 0 < rows <= len(long.sessions)
    assert short.digest == long.prefix(rows).row_digests[rows - 1]


def test_the_seed_alone_decides() -> None:
    again = SimulatedMarket(CALENDAR, DEFAULT).bars(UNIVERSE, FIRST_SESSION, UNTIL)
    other = SimulatedMarket(CALENDAR, DEFAULT, seed=1).bars(UNIVERSE, FIRST_SESSION, UNTIL)
    assert again.digest == PANEL.digest != other.digest


def test_a_slice_is_part_of_the_whole_and_strangers_are_columns_of_nan() -> None:
    part = MARKET.bars(("SPY", "NONE"), date(2020, 3, 2), date(2020, 3, 31))
    rows = np.isin(PANEL.sessions, part.sessions)
    np.testing.assert_array_equal(part.close[:, 0], PANEL.close[rows, PANEL.column["SPY"]])
    assert np.isnan(part.close[:, 1]).all() and len(part.sessions) == 22


@settings(max_examples=8, deadline=None)
@given(days=st.integers(0, 3000))
def test_a_market_asked_for_late_days_first_is_the_same_market(days: int) -> None:
    day = FIRST_SESSION + timedelta(days=days)
    late = SimulatedMarket(CALENDAR, DEFAULT)
    evening = datetime(day.year, day.month, day.day, 23, tzinfo=UTC)
    news = late.headlines(evening)
    noon = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
    quotes = late.quotes(STOCKS, noon)
    part = late.bars(UNIVERSE, day, day)
    assert news == MARKET.headlines(evening)
    assert quotes == MARKET.quotes(STOCKS, noon)
    rows = np.isin(PANEL.sessions, part.sessions)
    np.testing.assert_array_equal(part.close, PANEL.close[rows])
    whole = late.bars(UNIVERSE, FIRST_SESSION, UNTIL)
    assert whole.digest == PANEL.digest


@pytest.mark.parametrize("stocks", [["CSCO", "GLD"], [f"S{k}" for k in range(300)]])
def test_any_universe_has_prices_like_those_of_stocks_after_ten_years(stocks: list[str]) -> None:
    universe = DEFAULT.only(stocks)
    panel = SimulatedMarket(CALENDAR, universe).bars(universe.symbols, FIRST_SESSION, UNTIL)
    assert panel.symbols == (*stocks, "SPY")
    assert np.isfinite(panel.close).all()
    assert panel.close.min() > 3
    assert panel.close.max() < 3_000
    assert np.percentile(panel.close[-1], 90) < 1_000
    assert all(
        set(item.symbols) <= set(stocks) for item in SimulatedMarket(CALENDAR, universe).headlines(NEWS_AT)
    )


def test_returns_look_like_a_market() -> None:
    returns = np.diff(np.log(PANEL.close), axis=0)
    spy = returns[:, PANEL.column["SPY"]]
    assert 0.10 < spy.std() * np.sqrt(252) < 0.30
    assert ((spy - spy.mean()) ** 4).mean() / spy.var() ** 2 > 4  # fat tails
    size = np.abs(spy)
    assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.05  # volatility clusters: two regimes
    stocks = np.corrcoef(returns[:, : len(STOCKS)].T)
    inside = [
        stocks[PANEL.column[a], PANEL.column[b]]
        for sector in SECTOR_MAP.values()
        for a in sector.stocks
        for b in sector.stocks
        if a < b
    ]
    assert np.mean(inside) > stocks[np.triu_indices(len(STOCKS), 1)].mean() + 0.03 > 0.2
    gaps = np.abs(np.log(PANEL.open[1:] / PANEL.close[:-1]))
    assert 0.001 < np.median(gaps) < 0.02 and gaps.max() > 0.05
    assert np.mean(PANEL.volume.mean(axis=0) > 1e6) > 0.9


def test_a_quote_runs_from_open_to_close_within_the_range() -> None:
    session, opens_at, closes_at = CALENDAR.sessions(date(2024, 3, 13), date(2024, 3, 13))[0]
    row = int(np.searchsorted(PANEL.sessions, np.datetime64(session, "D")))
    moments = [opens_at + (closes_at - opens_at) * share for share in (0.0, 0.1, 0.37, 0.5, 0.9, 1.0)]
    prices = np.array([[MARKET.quotes(UNIVERSE, at)[name].price for name in UNIVERSE] for at in moments])
    np.testing.assert_allclose(prices[0], PANEL.open[row], rtol=1e-12)
    np.testing.assert_array_equal(prices[-1], PANEL.close[row])
    assert (prices >= PANEL.low[row]).all() and (prices <= PANEL.high[row]).all()
    assert (np.abs(np.diff(np.log(prices[:-1]), axis=0)) > 0).all(), "a price that stands looks stuck"
    quote = MARKET.quotes(("AAPL",), moments[2])["AAPL"]
    assert quote.at == moments[2]
    assert quote.session_open == pytest.approx(PANEL.open[row, PANEL.column["AAPL"]])


def test_no_quotes_while_the_exchange_is_closed() -> None:
    assert MARKET.quotes(UNIVERSE, datetime(2024, 3, 13, 13, 29, tzinfo=UTC)) == {}
    assert MARKET.quotes(UNIVERSE, datetime(2024, 3, 13, 20, 1, tzinfo=UTC)) == {}
    assert MARKET.quotes(UNIVERSE, datetime(2024, 3, 16, 15, 0, tzinfo=UTC)) == {}


def test_headlines_are_out_only_after_their_session_and_never_later_than_asked() -> None:
    closes_at = datetime(2024, 3, 13, 20, tzinfo=UTC)
    before, after = MARKET.headlines(closes_at), MARKET.headlines(closes_at + timedelta(hours=3))
    assert len(after) > len(before) > 0
    assert all(item.received_at > closes_at for item in after[len(before) :])
    assert after[: len(before)] == before
    assert max(item.received_at for item in after) <= closes_at + timedelta(hours=3)


def test_the_tone_follows_the_same_sessions_return() -> None:
    signs = []
    for _, _, closes_at in CALENDAR.sessions(date(2024, 1, 2), UNTIL):
        for item in MARKET.headlines(closes_at + timedelta(hours=3)):
            tone = _tone(item.text, item.symbols[0])
            if tone and item.published_at > closes_at:
                row = PANEL.rows_known(closes_at) - 1
                column = PANEL.column[item.symbols[0]]
                signs.append(tone == np.sign(PANEL.close[row, column] / PANEL.close[row - 1, column] - 1))
    assert len(signs) > 200
    assert np.mean(signs) > 0.6


def test_the_split_is_news_and_no_jump() -> None:
    closes_at = PANEL.known_at[SPLIT_ROW].astype(datetime).replace(tzinfo=UTC)
    news = [
        item.text for item in MARKET.headlines(closes_at + timedelta(hours=3)) if "splits its stock" in item.text
    ]
    assert news == [f"{SPLIT_SYMBOL} splits its stock 4 for 1"]
    column = PANEL.column[SPLIT_SYMBOL]
    assert abs(PANEL.close[SPLIT_ROW, column] / PANEL.close[SPLIT_ROW - 1, column] - 1) < 0.15


def _tone(text: str, symbol: str) -> int:
    return next((sign for sign, texts in ((1, GOOD), (-1, BAD)) if text in {t.format(symbol) for t in texts}), 0)
