"""Alpaca's news through alpaca-py: history by REST, and the live stream.

The text is the article's newest wording, so an item counts from its last update, not from its creation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from adapters.alpaca.http import ask_data_api, limit_handshake, limit_time, quiet_import
from adapters.news.text import clean
from core.errors import DataError
from core.plain_words import plain_reason
from core.types import Headline

if TYPE_CHECKING:
    from alpaca.data.historical.news import NewsClient
    from alpaca.data.live.news import NewsDataStream

SYMBOLS_A_CALL = 30
ITEMS_MAX = 10_000


class AlpacaNews:
    """Fetches the news of a stretch of time.

    Parameters
    ----------
    client : NewsClient
        As `connect` makes it.
    """

    name = "alpaca"

    def __init__(self, client: NewsClient) -> None:
        self._client = client

    def news(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Headline]:
        """Fetch what was created or updated from start to end, oldest first.

        Raises
        ------
        core.errors.DataError
            When Alpaca can't be reached, refuses, or answers with something that is no news.
        """
        from alpaca.data.requests import NewsRequest  # noqa: PLC0415  # heavy: imported at first use

        by_id: dict[Any, Headline] = {}
        for first in range(0, len(symbols), SYMBOLS_A_CALL):
            query = NewsRequest(
                start=start, end=end, sort="asc", limit=ITEMS_MAX, include_content=False,
                symbols=",".join(symbols[first : first + SYMBOLS_A_CALL]),
            )  # fmt: skip
            answer = ask_data_api(lambda query=query: self._client.get_news(query))  # type: ignore[misc]  # a default
            for row in _articles(answer):
                item = headline(row)
                if item is not None and item.received_at <= end:
                    by_id[row.get("id")] = item
        return sorted(by_id.values(), key=lambda item: (item.received_at, item.text))


class AlpacaNewsStream:
    """Passes live news on from a thread of its own; the vendor's client reconnects by itself.

    Parameters
    ----------
    stream : NewsDataStream
        As `connect_stream` makes it.
    on_headline : callable
        Gets each item, on the stream's thread; must not block.
    """

    def __init__(
        self, stream: NewsDataStream, symbols: Sequence[str], on_headline: Callable[[Headline], None]
    ) -> None:
        self._stream = stream
        self._on_headline = on_headline
        stream.subscribe_news(self._take, *symbols)
        self._thread = threading.Thread(target=stream.run, daemon=True, name="alpaca-news")

    def start(self) -> None:
        """Begin listening."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; the vendor's client notices within five seconds, and nothing waits for it."""
        if self._thread.is_alive() and self._stream._loop is not None:
            self._stream.stop()

    async def _take(self, row: Any) -> None:
        item = headline(row)
        if item is not None:
            self._on_headline(item)


def _articles(answer: Mapping[str, Any]) -> Sequence[Any]:
    rows = answer.get("news") or ()
    if not isinstance(rows, list | tuple):
        raise DataError(f"Alpaca answered with {type(rows).__name__}, not with a list of news.")
    return rows


def headline(row: Mapping[str, Any]) -> Headline | None:
    """Read one article; None when it has no text that can be scored or names no ticker.

    Raises
    ------
    core.errors.DataError
        When it is no article.
    """
    try:
        text, symbols = clean(row["headline"]), tuple(dict.fromkeys(row["symbols"] or ()))
        created, updated = _timestamp(row["created_at"]), _timestamp(row["updated_at"])
        publisher = clean(row.get("source"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"Alpaca's answer is no news: {plain_reason(error)}.") from error
    if not text or not symbols:
        return None
    return Headline(
        symbols=symbols,
        text=text,
        published_at=created,
        received_at=max(created, updated),
        publisher=publisher,
    )


def _timestamp(value: Any) -> datetime:
    if hasattr(value, "to_datetime"):  # the stream sends msgpack's own timestamps
        value = value.to_datetime()
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def connect(key: str, secret: str, *, timeout_seconds: float, url_override: str | None = None) -> NewsClient:
    """Make the REST client, with a limit on every request's time."""
    with quiet_import():
        from alpaca.data.historical.news import NewsClient  # noqa: PLC0415  # heavy: imported at first use

    client = NewsClient(key, secret, raw_data=True, url_override=url_override)
    limit_time(client, timeout_seconds)
    return client


def connect_stream(key: str, secret: str, *, url_override: str | None = None) -> NewsDataStream:
    """Make the streaming client; it connects when started."""
    with quiet_import():
        from alpaca.data.live.news import NewsDataStream  # noqa: PLC0415  # heavy: imported at first use

    stream = NewsDataStream(key, secret, raw_data=True, url_override=url_override)
    limit_handshake(stream)
    return stream
