"""A local stand-in for Yahoo's chart endpoint, and a requests.Session that leads the real yfinance to it."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from core.times import NEW_YORK
from tests.servers.local_http import Answer, Asked, local_server

VENDOR_FOLDER = Path(tempfile.gettempdir()) / f"py-yfinance-{os.getpid()}"
"""yfinance keeps its caches in one folder for the life of a process."""
Row = tuple[date, float, float, float, float, float, int]
"""Session, open, high, low, close, adjusted close, volume."""


@dataclass
class Yahoo:
    """What the server knows and what it was asked: change it between requests."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    minutes: dict[str, list[tuple[datetime, float]]] = field(default_factory=dict)
    dividends: dict[str, dict[date, float]] = field(default_factory=dict)
    splits: dict[str, dict[date, tuple[int, int]]] = field(default_factory=dict)
    status: Callable[[str], int] = lambda symbol: 200
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    def session(self) -> requests.Session:
        session = requests.Session()
        session.mount("https://", _ToLocal(self.port))
        return session

    def spans(self) -> list[tuple[str, date, date]]:
        """The daily bars asked for: (symbol, first day, last day inclusive)."""
        return [
            (symbol, _new_york_day(query["period1"]), _new_york_day(query["period2"], back=1))
            for symbol, query in self.asked
            if "period1" in query
        ]


@contextmanager
def yahoo_server(yahoo: Yahoo) -> Iterator[Yahoo]:
    with local_server(lambda asked: _answer(yahoo, asked)) as port:
        yahoo.port = port
        yield yahoo


class _ToLocal(HTTPAdapter):
    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.url = f"http://127.0.0.1:{self._port}{parts.path}?{parts.query}"
        return super().send(request, *args, **kwargs)


def _answer(yahoo: Yahoo, asked: Asked) -> Answer:
    if not asked.path.startswith("/v8/finance/chart/"):
        return Answer(status=404, body={})
    symbol = asked.path.rsplit("/", 1)[1]
    yahoo.asked.append((symbol, dict(asked.query)))
    status = yahoo.status(symbol)
    if status != 200:
        refusal = {"code": "Unauthorized", "description": "Invalid Crumb"}
        return Answer(status=status, body={"finance": {"result": None, "error": refusal}})
    if symbol not in yahoo.rows:
        unknown = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
        return Answer(status=404, body={"chart": {"result": None, "error": unknown}})
    if asked.query.get("interval") == "1m":
        chart = _chart(symbol, *_minutes(yahoo.minutes.get(symbol, [])))
    else:
        chart = _chart(symbol, *_days(yahoo.rows[symbol], asked.query))
    result = chart["chart"]["result"][0]
    result["events"] = _events(yahoo, symbol, set(_sessions(result["timestamp"])))
    return Answer(body=chart)


def _events(yahoo: Yahoo, symbol: str, days: set[date]) -> dict[str, Any]:
    """List what went ex on the days that are shown, as Yahoo does."""
    paid = {_stamp(d, 9, 30): amount for d, amount in yahoo.dividends.get(symbol, {}).items() if d in days}
    split = {_stamp(d, 9, 30): shares for d, shares in yahoo.splits.get(symbol, {}).items() if d in days}
    return {
        "dividends": {str(at): {"amount": amount, "date": at} for at, amount in paid.items()},
        "splits": {
            str(at): {"date": at, "numerator": new, "denominator": old, "splitRatio": f"{new}:{old}"}
            for at, (new, old) in split.items()
        },
    }


def _days(rows: list[Row], query: Mapping[str, str]) -> tuple[list[int], list[list[Any]]]:
    first, last = int(query.get("period1", 0)), int(query.get("period2", 2**40))
    stamped = [(_stamp(row[0], 9, 30), row) for row in rows]
    kept = [(stamp, row) for stamp, row in stamped if first <= stamp < last]
    return [stamp for stamp, _ in kept], [list(row[1:]) for _, row in kept]


def _minutes(prices: list[tuple[datetime, float]]) -> tuple[list[int], list[list[Any]]]:
    return [int(at.timestamp()) for at, _ in prices], [[p, p, p, p, p, 100] for _, p in prices]


def _chart(symbol: str, stamps: list[int], table: list[list[Any]]) -> Any:
    columns = [[_or_null(value) for value in column] for column in zip(*table, strict=True)] or [
        [] for _ in range(6)
    ]
    names = ("open", "high", "low", "close", "adjclose", "volume")
    quote = {name: column for name, column in zip(names, columns, strict=True) if name != "adjclose"}
    meta = {
        "symbol": symbol, "currency": "USD", "instrumentType": "EQUITY",
        "exchangeTimezoneName": "America/New_York",
        "timezone": "EST", "gmtoffset": -18000, "priceHint": 2, "dataGranularity": "1d",
        "validRanges": ["1d", "5d", "max"], "tradingPeriods": [[_regular(stamp)] for stamp in _sessions(stamps)],
    }  # fmt: skip
    result = {
        "meta": meta,
        "timestamp": stamps,
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": columns[4]}]},
    }
    return {"chart": {"result": [result], "error": None}}


def _or_null(value: float) -> float | None:
    return None if math.isnan(value) else value


def _sessions(stamps: list[int]) -> list[date]:
    return sorted({datetime.fromtimestamp(stamp, UTC).astimezone(NEW_YORK).date() for stamp in stamps})


def _regular(day: date) -> dict[str, Any]:
    return {"timezone": "EST", "start": _stamp(day, 9, 30), "end": _stamp(day, 16, 0), "gmtoffset": -18000}


def _stamp(day: date, hour: int, minute: int) -> int:
    return int(datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK).timestamp())


def _new_york_day(stamp: str, back: int = 0) -> date:
    return datetime.fromtimestamp(int(stamp) - back, UTC).astimezone(NEW_YORK).date()
