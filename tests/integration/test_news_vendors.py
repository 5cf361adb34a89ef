"""The real alpaca-py and yfinance against local servers: pages, bad items, refusals, the stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.alpaca.news import AlpacaNews, AlpacaNewsStream, connect, connect_stream
from adapters.yahoo.news import YfinanceNews
from core.errors import DataError
from core.types import Headline
from tests.servers.alpaca_news import AlpacaNewsWorld, alpaca_news_server, alpaca_news_stream, article
from tests.servers.yahoo import VENDOR_FOLDER
from tests.servers.yahoo_news import YahooNewsWorld, news_item, yahoo_news_server

START, END = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 3, 2, tzinfo=UTC)


@pytest.fixture
def alpaca() -> Iterator[AlpacaNewsWorld]:
    rows = [article(n, f"Story {n} of Apple", f"2024-03-01T{n % 24:02d}:00:00Z", ["AAPL"]) for n in range(24)]
    with alpaca_news_server(AlpacaNewsWorld(articles=rows)) as server:
        yield server


def by_alpaca(world: AlpacaNewsWorld) -> AlpacaNews:
    client = connect("key", "secret", timeout_seconds=2.0, url_override=world.url)
    client._retry_wait = 0  # the vendor's three seconds between attempts
    return AlpacaNews(client)


def test_alpacas_pages_arrive_whole_in_order_and_symbols_in_batches(alpaca: AlpacaNewsWorld) -> None:
    alpaca.a_page = 7
    many = ("AAPL", *(f"S{n}" for n in range(40)))
    items = by_alpaca(alpaca).news(many, START, END)
    assert [item.text for item in items] == [f"Story {n} of Apple" for n in range(24)]
    assert items[5].published_at == datetime(2024, 3, 1, 5, tzinfo=UTC) and items[5].publisher == "benzinga"
    assert len(alpaca.asked) == 4 + 1 and alpaca.asked[0]["symbols"].count(",") == 29


def test_an_updated_article_counts_from_its_update(alpaca: AlpacaNewsWorld) -> None:
    alpaca.articles = [article(1, "Apple: corrected", "2024-03-01T10:00:00Z", ["AAPL"], "2024-03-01T15:00:00Z")]
    (item,) = by_alpaca(alpaca).news(("AAPL",), START, END)
    assert (item.published_at.hour, item.received_at.hour) == (10, 15)


def test_alpacas_odd_items_are_cleaned_or_left_out(alpaca: AlpacaNewsWorld) -> None:
    at = "2024-03-01T10:00:00Z"
    alpaca.articles = [
        article(1, "", at, ["AAPL"]), article(2, None, at, ["AAPL"]), article(3, "苹果公司上涨", at, ["AAPL"]),
        article(4, "<b>Apple</b> &amp; friends 🚀\x00", at, ["AAPL", "AAPL"]),
        article(5, "x " * 5000, at, ["AAPL"]),
    ]  # fmt: skip
    items = by_alpaca(alpaca).news(("AAPL",), START, END)
    assert [item.text for item in items] == ["Apple & friends", ("x " * 200).strip()]
    assert items[0].symbols == ("AAPL",)


@pytest.mark.parametrize("body", [{"news": [{"id": 1}]}, {"news": [{"headline": 3, "created_at": "soon"}]}])
def test_what_is_no_news_is_a_data_error(alpaca: AlpacaNewsWorld, body: Any) -> None:
    alpaca.body = body
    with pytest.raises(DataError, match="is no news"):
        by_alpaca(alpaca).news(("AAPL",), START, END)


def test_alpacas_refusal_and_silence_are_data_errors(alpaca: AlpacaNewsWorld) -> None:
    alpaca.refusals = [401]
    with pytest.raises(DataError, match="ALPACA_API_KEY"):
        by_alpaca(alpaca).news(("AAPL",), START, END)
    with alpaca_news_server(AlpacaNewsWorld()) as gone:
        pass
    with pytest.raises(DataError, match="can't be reached"):
        by_alpaca(gone).news(("AAPL",), START, END)


def test_the_stream_passes_each_article_on_and_stops() -> None:
    told: list[Headline] = []
    rows = [article(n, f"Apple {n}", "2024-03-01T10:00:00Z", ["AAPL"]) for n in range(3)]
    with alpaca_news_stream([*rows, article(9, "", "2024-03-01T10:00:00Z", ["AAPL"])]) as url:
        stream = AlpacaNewsStream(connect_stream("key", "secret", url_override=url), ("AAPL",), told.append)
        stream.start()
        limit = time.monotonic() + 10
        while len(told) < 3 and time.monotonic() < limit:
            time.sleep(0.01)
        stream.stop()
    assert [item.text for item in told] == ["Apple 0", "Apple 1", "Apple 2"]
    assert told[0].published_at == datetime(2024, 3, 1, 10, tzinfo=UTC)
    stream._thread.join(10)  # the vendor's client looks up every five seconds
    assert not stream._thread.is_alive()


@pytest.fixture
def yahoo() -> Iterator[YahooNewsWorld]:
    items: dict[str, list[Any]] = {
        "AAPL": [news_item(1, "Apple &amp; Nvidia rise", "2024-03-01T10:00:00Z", ("AAPL", "NVDA")),
                 news_item(2, "Too old", "2024-01-01T10:00:00Z"), news_item(3, None, "2024-03-01T10:00:00Z"),
                 news_item(4, "No time", "yesterday"), {"odd": 1}],
        "NVDA": [news_item(1, "Apple &amp; Nvidia rise", "2024-03-01T10:00:00Z", ("AAPL", "NVDA"))],
    }  # fmt: skip
    with yahoo_news_server(YahooNewsWorld(items=items)) as server:
        yield server


def by_yahoo(world: YahooNewsWorld, timeout_seconds: float = 5.0) -> YfinanceNews:
    return YfinanceNews(vendor_folder=VENDOR_FOLDER, timeout_seconds=timeout_seconds, session=world.session())


def test_yahoos_items_are_read_once_and_odd_ones_left_out(yahoo: YahooNewsWorld) -> None:
    (item,) = by_yahoo(yahoo).news(("AAPL", "NVDA", "GONE"), START, END)
    assert item.text == "Apple & Nvidia rise" and item.symbols == ("AAPL", "NVDA")
    assert item.published_at == item.received_at == datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert yahoo.asked == ["AAPL", "NVDA", "GONE"]


def test_yahoos_silence_is_a_data_error_after_three_tickers(yahoo: YahooNewsWorld) -> None:
    yahoo.status = lambda symbol: 429
    with pytest.raises(DataError, match="Yahoo gave no news"):
        by_yahoo(yahoo).news([f"S{n}" for n in range(30)], START, END)
    assert len(set(yahoo.asked)) == 3


def test_yahoos_broken_body_is_no_news(yahoo: YahooNewsWorld) -> None:
    yahoo.body = b"<html>not json</html>"
    with pytest.raises(DataError, match="no news"):
        by_yahoo(yahoo).news(("AAPL",), START, END)


def test_a_silent_yahoo_is_given_up_on(yahoo: YahooNewsWorld) -> None:
    def sleep(symbol: str) -> int:
        time.sleep(1.0)
        return 200

    yahoo.status = sleep
    with pytest.raises(DataError, match="did not answer within"):
        by_yahoo(yahoo, 0.1).news(("AAPL",), START, END + timedelta(days=1))
