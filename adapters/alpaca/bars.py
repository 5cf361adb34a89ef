"""Alpaca's daily bars and quotes through alpaca-py.

Bars are `Adjustment.ALL` (splits and dividends) of the consolidated tape, which every account may query once it
is 15 minutes old: IEX alone trades a few per cent of the volume, and the volume filter would refuse every stock.
Quotes are the last trade on IEX, which every account may query at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import structlog

from adapters.alpaca.http import ask_data_api, limit_time, quiet_import
from adapters.alpaca.orders import UNREADABLE
from adapters.feeds.action_table import NO_ACTIONS, ActionTable
from adapters.feeds.quality import restate_tables
from adapters.feeds.rows import DAY, BarRows, SymbolBars
from core.errors import DataError
from core.plain_words import plain_reason
from core.ports import Calendar
from core.types import Quote

if TYPE_CHECKING:
    from alpaca.data.historical import StockHistoricalDataClient

FIELDS = ("o", "h", "l", "c", "v")
log = structlog.get_logger("alpaca")


class AlpacaBars:
    """Implements `RowSource`: fetches from Alpaca's data API.

    Parameters
    ----------
    client : StockHistoricalDataClient
        As `connect` makes it.
    bars_feed, quotes_feed : str
        `sip` or `iex`.
    """

    name = "alpaca"
    publication_delay = timedelta(minutes=20)

    def __init__(
        self,
        client: StockHistoricalDataClient,
        calendar: Calendar,
        *,
        bars_feed: str = "sip",
        quotes_feed: str = "iex",
    ) -> None:
        self._client = client
        self._calendar = calendar
        self._bars_feed = bars_feed
        self._quotes_feed = quotes_feed

    def rows(self, symbols: Sequence[str], start: date, end: date) -> BarRows:
        """Fetch the sessions from start to end inclusive; a symbol not had is left out.

        Raises
        ------
        core.errors.DataError
            When Alpaca can't be reached, refuses, or answers with something that is no bars.
        """
        from alpaca.data.enums import Adjustment, DataFeed  # noqa: PLC0415  # heavy: imported at first use
        from alpaca.data.requests import StockBarsRequest  # noqa: PLC0415
        from alpaca.data.timeframe import TimeFrame, TimeFrameUnit  # noqa: PLC0415

        query = StockBarsRequest(
            symbol_or_symbols=list(symbols),
            timeframe=TimeFrame(1, TimeFrameUnit.Day),
            start=_midnight(start),
            end=self._close_of(end),
            adjustment=Adjustment.ALL,
            feed=DataFeed(self._bars_feed),
        )
        answer = ask_data_api(lambda: self._client.get_stock_bars(query))
        tables, findings = restate_tables(_tables(answer))
        by_symbol = {name: SymbolBars(*table) for name, table in tables.items()}
        return BarRows(by_symbol=by_symbol, notes=findings)

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Fetch each symbol's last trade, best bid and ask, and today's opening price.

        Raises
        ------
        core.errors.DataError
            When Alpaca can't be reached, refuses, or answers with something that is no snapshot.
        """
        from alpaca.data.enums import DataFeed  # noqa: PLC0415  # heavy: imported at first use
        from alpaca.data.requests import StockSnapshotRequest  # noqa: PLC0415

        query = StockSnapshotRequest(symbol_or_symbols=list(symbols), feed=DataFeed(self._quotes_feed))
        answer = ask_data_api(lambda: self._client.get_stock_snapshot(query))
        today = at.astimezone(UTC).date()
        quotes = (_readable_quote(name, snapshot, today) for name, snapshot in answer.items() if snapshot)
        return {quote.symbol: quote for quote in quotes if quote is not None}

    def actions(self) -> ActionTable:
        """Return none: Alpaca's account books them itself."""
        return NO_ACTIONS

    def _close_of(self, end: date) -> datetime:
        sessions = self._calendar.sessions(end - timedelta(days=14), end)
        return sessions[-1][2] if sessions else _midnight(end)


def connect(
    key: str, secret: str, *, timeout_seconds: float, url_override: str | None = None
) -> StockHistoricalDataClient:
    """Make the data client, with a limit on every request's time.

    Parameters
    ----------
    url_override : str or None
        Where the API is, for tests.
    """
    with quiet_import():  # heavy: imported at first use (1.2 s)
        from alpaca.data.historical import StockHistoricalDataClient  # noqa: PLC0415

    client = StockHistoricalDataClient(key, secret, raw_data=True, url_override=url_override)
    limit_time(client, timeout_seconds)
    return client


def _tables(answer: Mapping[str, Any]) -> dict[str, SymbolBars]:
    out = {}
    for name, rows in answer.items():
        try:
            missing = [field for field in ("t", *FIELDS) for row in rows[:1] if field not in row]
            if missing:
                raise DataError(f"Alpaca's bars of {name} have no {', '.join(missing)}.")
            sessions = np.array([row["t"][:10] for row in rows], dtype=DAY)
            table = np.array([[row[field] for field in FIELDS] for row in rows], dtype=np.float64)
        except UNREADABLE as error:
            raise DataError(f"Alpaca's bars of {name} cannot be read: {plain_reason(error)}.") from error
        out[name] = SymbolBars(sessions, table.reshape(len(rows), len(FIELDS)))
    return out


def _readable_quote(name: str, snapshot: Any, today: date) -> Quote | None:
    """Read a quote; one that cannot be read is none, and costs no other symbol its own."""
    try:
        return _quote(name, snapshot, today)
    except UNREADABLE as error:
        log.warning("quote.unreadable", symbol=name, reason=plain_reason(error))
        return None


def _quote(name: str, snapshot: Mapping[str, Any], today: date) -> Quote | None:
    trade, daily = snapshot.get("latestTrade"), snapshot.get("dailyBar")
    if not trade or not trade.get("p"):
        return None
    is_today = daily is not None and str(daily["t"])[:10] == today.isoformat()
    return Quote(
        symbol=name,
        price=float(trade["p"]),
        at=_moment(trade["t"]),
        session_open=float(daily["o"]) if daily is not None and is_today else None,
        **_bid_and_ask(snapshot.get("latestQuote") or {}),
    )


def _bid_and_ask(quoted: Mapping[str, Any]) -> dict[str, Any]:
    """Read the best bid and ask; a side without an order is 0, and says nothing."""
    if not (quoted.get("bp") and quoted.get("ap") and quoted.get("t")):
        return {}
    return {"bid": float(quoted["bp"]), "ask": float(quoted["ap"]), "bid_ask_at": _moment(quoted["t"])}


def _moment(text: Any) -> datetime:
    """Read a time in RFC 3339 with nanoseconds, UTC."""
    return datetime.fromisoformat(str(text)[:26].rstrip("Z") + "+00:00")


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
