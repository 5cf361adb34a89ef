"""Yahoo's daily bars and quotes through yfinance.

Bars are adjusted for splits only and come with adjclose and the corporate actions, so that the adjustment can be
checked; restated they are total return: open, high, low and close times adjclose / close. Quotes are the last
minute's close, as traded. Both come with Yahoo's dividends and splits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pybreaker
import tenacity

from adapters.feeds.action_table import ActionTable
from adapters.feeds.quality import restate_tables
from adapters.feeds.rows import BarRows, SymbolBars
from adapters.feeds.source import NoBarsError
from adapters.yahoo.deadline import within
from adapters.yahoo.frames import actions_of, answered, daily_tables, latest_prices, traded_closes
from adapters.yahoo.log import captured_log, pandas_warnings_ignored
from adapters.yahoo.vendor import load_yfinance
from core.errors import DataError
from core.plain_words import plain_message, plain_reason
from core.tickers import with_dash
from core.types import CorporateAction, Quote
from core.universe import BENCHMARK

SYMBOLS_A_CALL = 20
THREADS = 4
ATTEMPTS_MAX = 3
TIMEOUTS_A_CALL = 3
REFUSALS_MAX = 3
REST_SECONDS = 300.0
AGAIN = "Yahoo is asked again by itself; with Alpaca keys, Alpaca is asked instead."
# what yfinance writes above the names it has no bars of
HEADING = re.compile(r"\d+ Failed downloads?:", re.IGNORECASE)
RATE_LIMITED = re.compile(r"too many requests|rate.?limit|\b429\b", re.IGNORECASE)
UNREACHABLE = re.compile(
    r"unauthorized|crumb|\b40[13]\b|curl|connection|resolve|timed? ?out|max retries", re.IGNORECASE
)


class YahooUnavailable(DataError):
    """Yahoo can't be reached, or turns us away."""


class YfinanceBars:
    """Implements `RowSource` on Yahoo: asks in batches, with backoff and jitter.

    After three refusals in a row Yahoo is not asked for five minutes.

    Parameters
    ----------
    vendor_folder : Path
        Where yfinance keeps its own cookies and time zones.
    timeout_seconds : float
        For one HTTP request; a batch of symbols gets three times that.
    session : requests.Session or None
        For tests only: yfinance's own session looks like a browser, which Yahoo wants.
    backoff_seconds : float
        First wait before a second attempt; it doubles, with jitter.
    """

    name = "yfinance"
    publication_delay = timedelta(minutes=20)

    def __init__(
        self,
        *,
        vendor_folder: Path,
        timeout_seconds: float,
        session: Any = None,
        backoff_seconds: float = 1.0,
    ) -> None:
        self._vendor_folder = vendor_folder
        self._timeout_seconds = timeout_seconds
        self._session = session
        self._listed: dict[str, CorporateAction] = {}
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=REFUSALS_MAX, reset_timeout=REST_SECONDS, throw_new_error_on_trip=False
        )
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS_MAX),
            wait=tenacity.wait_exponential_jitter(
                multiplier=backoff_seconds, max=8 * backoff_seconds, jitter=backoff_seconds
            ),
            retry=tenacity.retry_if_exception_type(YahooUnavailable),
            reraise=True,
        )

    def rows(self, symbols: Sequence[str], start: date, end: date) -> BarRows:
        """Fetch the sessions from start to end inclusive; a symbol not had is left out.

        Raises
        ------
        core.errors.DataError
            When Yahoo can't be reached, turns us away, or has nothing at all.
        """
        span = {"start": start.isoformat(), "end": (end + timedelta(days=1)).isoformat(), "interval": "1d"}
        frames = [self._ask(batch, auto_adjust=False, actions=True, **span) for batch in _batches(symbols)]
        tables = {name: table for frame in frames for name, table in daily_tables(frame).items()}
        if not tables:
            raise NoBarsError(f"Yahoo has no bars of {', '.join(symbols[:5])} from {start} to {end}.")
        actions = {name: found for frame in frames for name, found in actions_of(frame, self.name).items()}
        self._keep(actions)
        closes = {name: close for frame in frames for name, close in traded_closes(frame).items()}
        restated, findings = restate_tables(tables)
        by_symbol = {name: SymbolBars(*table) for name, table in restated.items()}
        return BarRows(by_symbol=by_symbol, notes=findings, actions=actions, traded_closes=closes)

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        """Fetch the newest price of each symbol: the last minute of today's chart, dated at its end or at `at`.

        Raises
        ------
        core.errors.DataError
            When Yahoo can't be reached or turns us away.
        """
        day = {"period": "1d", "interval": "1m", "ignore_tz": False}
        frames = [self._ask(batch, auto_adjust=False, actions=True, **day) for batch in _batches(symbols)]
        out = {}
        for frame in frames:
            self._keep(actions_of(frame, self.name))
            for name, (price, opening, minute) in latest_prices(frame).items():
                quoted_at = max(minute, min(minute + timedelta(minutes=1), at.astimezone(UTC)))
                out[name] = Quote(symbol=name, price=price, at=quoted_at, session_open=opening)
        return out

    def actions(self) -> ActionTable:
        """Return the dividends and splits that Yahoo listed so far, each as it was listed last."""
        return ActionTable(known=tuple(self._listed.values()))

    def probe(self, at: datetime, seconds: float) -> None:
        """Ask once for the benchmark's last days, to learn within `seconds` whether Yahoo answers.

        Raises
        ------
        core.errors.DataError
            When it does not.
        """
        self._limited(seconds, (BENCHMARK,), _last_days(at))

    def _keep(self, actions: Mapping[str, tuple[CorporateAction, ...]]) -> None:
        self._listed.update((action.action_id, action) for found in actions.values() for action in found)

    def _ask(self, symbols: Sequence[str], **query: Any) -> Any:
        seconds = TIMEOUTS_A_CALL * self._timeout_seconds
        try:
            return self._retrying(self._breaker.call, self._limited, seconds, symbols, query)
        except pybreaker.CircuitBreakerError as error:
            raise YahooUnavailable(
                f"Yahoo refused {REFUSALS_MAX} times and is not asked for {REST_SECONDS:.0f} s.",
                hint="Wait, or set Alpaca keys: DATA_PROVIDER=alpaca.",
            ) from error

    def _limited(self, seconds: float, symbols: Sequence[str], query: Mapping[str, Any]) -> Any:
        """Ask once, for at most `seconds`: yfinance waits 30 s for cookies whatever its timeout is."""
        vendor = load_yfinance(self._vendor_folder)  # first: importing it puts its own filter before ours
        with pandas_warnings_ignored():
            try:
                return within(seconds, lambda: self._download(vendor, symbols, query), what="Yahoo")
            except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:  # a strange body
                raise YahooUnavailable(f"Yahoo's answer cannot be read: {plain_reason(error)}.") from error

    def _download(self, vendor: Any, symbols: Sequence[str], query: Mapping[str, Any]) -> Any:
        """Ask once. yfinance hides refusals: its log and what is missing show them."""
        with captured_log() as messages:
            frame = vendor.download(
                [with_dash(name) for name in symbols],
                threads=THREADS if len(symbols) > 1 else False, progress=False,
                timeout=self._timeout_seconds, session=self._session, **query,
            )  # fmt: skip
        ours = {theirs: name for name in symbols if (theirs := with_dash(name)) != name}
        frame = frame.rename(columns=ours, level=1) if ours and len(frame) else frame
        why = "; ".join(dict.fromkeys(messages)) or "the answer is empty"
        if not len(frame):
            self._check_empty(vendor, symbols, messages, query)
        elif RATE_LIMITED.search(why) and set(symbols) - answered(frame):
            raise YahooUnavailable(f"Yahoo answered only in part: {_plain(messages)}.", hint=AGAIN)
        return frame

    def _check_empty(
        self, vendor: Any, symbols: Sequence[str], messages: Sequence[str], query: Mapping[str, Any]
    ) -> None:
        """Raise unless these are symbols that Yahoo does not know: the benchmark always has bars."""
        why = "; ".join(messages)
        if UNREACHABLE.search(why) or RATE_LIMITED.search(why) or BENCHMARK in symbols:
            named = ", ".join(symbols[:3])
            raise YahooUnavailable(f"Yahoo did not answer for {named}: {_plain(messages)}.", hint=AGAIN)
        self._download(vendor, (BENCHMARK,), query)


def _plain(messages: Sequence[str]) -> str:
    """Return what yfinance logged in plain words, each cause once."""
    said = (text for text in messages if not HEADING.match(text))
    return "; ".join(dict.fromkeys(plain_message(text) for text in said)) or "the answer is empty"


def _batches(symbols: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(symbols), SYMBOLS_A_CALL):
        yield symbols[first : first + SYMBOLS_A_CALL]


def _last_days(at: datetime) -> dict[str, Any]:
    day = at.astimezone(UTC).date()
    start, end = day - timedelta(days=10), day + timedelta(days=1)
    return {"start": start.isoformat(), "end": end.isoformat(), "interval": "1d", "auto_adjust": False}
