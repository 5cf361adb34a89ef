"""Yahoo's news through yfinance: the newest items of each ticker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from adapters.news.text import clean
from adapters.yahoo.deadline import within
from adapters.yahoo.log import captured_log, pandas_warnings_ignored
from adapters.yahoo.vendor import load_yfinance
from core.errors import DataError
from core.plain_words import plain_reason
from core.tickers import spelt, with_dash
from core.types import Headline

ITEMS_A_TICKER = 10


class YfinanceNews:
    """Asks ticker by ticker; one that gives nothing is named, all that give nothing are an error.

    Parameters
    ----------
    vendor_folder : Path
        Where yfinance keeps its own cookies and time zones.
    timeout_seconds : float
        For one ticker.
    session : requests.Session or None
        For tests only: yfinance's own session looks like a browser, which Yahoo wants.

    Attributes
    ----------
    silent : mapping of str to str
        Tickers that gave nothing the last time, and why.
    """

    name = "yfinance"

    def __init__(self, *, vendor_folder: Path, timeout_seconds: float, session: Any = None) -> None:
        self._vendor_folder = vendor_folder
        self._timeout_seconds = timeout_seconds
        self._session = session
        self.silent: Mapping[str, str] = {}

    def news(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Headline]:
        """Fetch the newest items, and keep those published from start to end; oldest first.

        Raises
        ------
        core.errors.DataError
            When no ticker gave anything.
        """
        found: dict[str, Headline] = {}
        silent: dict[str, str] = {}
        for symbol in symbols:
            try:
                rows = self._ask(symbol)
            except DataError as error:
                silent[symbol] = str(error)
                if len(silent) >= 3 and not found:
                    break
                continue
            for row in rows:
                item = headline(row, symbol)
                if item is not None and start <= item.published_at <= end:
                    found[str(row.get("id") or item.text)] = _joined(found.get(str(row.get("id"))), item)
        self.silent = silent
        if silent and not found:
            raise DataError(
                f"Yahoo gave no news: {next(iter(silent.values()))}", hint="It is asked again by itself."
            )
        return sorted(found.values(), key=lambda item: (item.published_at, item.text))

    def _ask(self, symbol: str) -> list[Any]:
        vendor = load_yfinance(self._vendor_folder)

        def ask() -> Any:
            with captured_log() as messages:
                try:
                    rows = vendor.Ticker(with_dash(symbol), session=self._session).get_news(count=ITEMS_A_TICKER)
                except (vendor.exceptions.YFException, requests.RequestException, OSError) as error:
                    raise DataError(f"Yahoo has no news of {symbol}: {plain_reason(error)}.") from error
                except (ValueError, KeyError, TypeError, AttributeError) as error:  # a strange body
                    raise DataError(f"Yahoo's news of {symbol} cannot be read: {plain_reason(error)}.") from error
            if not rows and messages:
                raise DataError(f"Yahoo has no news of {symbol}: {'; '.join(messages):.200}.")
            return rows

        with pandas_warnings_ignored():
            answer = within(self._timeout_seconds, ask, what="Yahoo's news")
        return answer if isinstance(answer, list) else []


def headline(row: Any, asked: str) -> Headline | None:
    """Read one item; None when it has no text that can be scored or no time."""
    content = row.get("content") if isinstance(row, Mapping) else None
    if not isinstance(content, Mapping):
        return None
    text, at = clean(content.get("title")), _timestamp(content.get("pubDate"))
    if not text or at is None:
        return None
    provider, finance = content.get("provider"), content.get("finance")
    named = finance.get("stockTickers") if isinstance(finance, Mapping) else None
    tickers = [
        spelt(t["symbol"]) for t in named or () if isinstance(t, Mapping) and isinstance(t.get("symbol"), str)
    ]
    publisher = clean(provider.get("displayName")) if isinstance(provider, Mapping) else ""
    return Headline(
        symbols=tuple(dict.fromkeys((asked, *tickers))),
        text=text,
        published_at=at,
        received_at=at,
        publisher=publisher,
    )


def _joined(held: Headline | None, item: Headline) -> Headline:
    if held is None:
        return item
    symbols = tuple(dict.fromkeys((*held.symbols, *item.symbols)))
    return Headline(
        symbols=symbols, text=item.text, published_at=item.published_at, received_at=item.received_at,
        publisher=item.publisher,
    )  # fmt: skip


def _timestamp(value: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
