"""What the market shows: bars, quotes, headlines, and the view a decision is made from."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from math import isfinite
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from core.corporate_actions import CorporateAction
from core.errors import InvariantError
from core.times import market_date

Floats = NDArray[np.float64]
FIELDS = ("open", "high", "low", "close", "volume")


def read_only(array: NDArray[np.generic]) -> Floats:
    """Give a float64, C-order array that cannot be written to, copied only if it must be."""
    out = np.ascontiguousarray(array, dtype=np.float64)
    if out is array and out.flags.writeable:
        out = out.view()
    out.flags.writeable = False
    return out


def _membership(given: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Give a mask that cannot be written to; one that is True throughout takes no memory."""
    if given.shape not in ((), shape):
        raise InvariantError(f"The panel's member has shape {given.shape}, not {shape}.")
    if given.all():
        return np.broadcast_to(np.array(True), shape)  # the value
    out = np.ascontiguousarray(given, dtype=np.bool_).view()
    out.flags.writeable = False
    return out


@dataclass(frozen=True, kw_only=True, eq=False)
class BarPanel:
    """Daily bars of many symbols, adjusted for splits and dividends.

    Attributes
    ----------
    sessions : ndarray of datetime64[D], shape (T,)
        Session dates, strictly increasing.
    known_at : ndarray of datetime64[us], shape (T,)
        When each session's bar became known (its close, UTC), strictly increasing.
    symbols : tuple of str, length N
        One name a column.
    open, high, low, close, volume : ndarray of float64, shape (T, N)
        Prices in US dollars and shares; NaN where there is no bar. Read-only.
    member : ndarray of bool, shape (T, N)
        Whether the symbol was in the universe that session; always where none is given. Read-only.
    """

    sessions: NDArray[np.datetime64]
    known_at: NDArray[np.datetime64]
    symbols: tuple[str, ...]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    member: NDArray[Any] = field(default_factory=lambda: np.array(True))  # the value

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.symbols))
        for name in FIELDS:
            array = getattr(self, name)
            if array.shape != shape:
                raise InvariantError(f"The panel's {name} has shape {array.shape}, not {shape}.")
            object.__setattr__(self, name, read_only(array))
        object.__setattr__(self, "member", _membership(self.member, shape))
        if len(self.known_at) != shape[0]:
            raise InvariantError(f"The panel has {shape[0]} sessions but {len(self.known_at)} closing times.")
        if shape[0] > 1 and not (np.diff(self.known_at) > np.timedelta64(0)).all():
            raise InvariantError("The panel's sessions are not strictly increasing.")

    @cached_property
    def column(self) -> Mapping[str, int]:
        """Map each symbol to its column."""
        return {symbol: index for index, symbol in enumerate(self.symbols)}

    @cached_property
    def row_digests(self) -> tuple[bytes, ...]:
        """Chain a SHA-256 along the sessions: entry t depends on rows 0..t only."""
        fields = [getattr(self, name) for name in FIELDS]
        digest = hashlib.sha256("\x1f".join(self.symbols).encode()).digest()
        stamps = self.known_at.astype("datetime64[us]").astype(np.int64)
        chain = []
        for row, (stamp, member) in enumerate(zip(stamps, self.member, strict=True)):
            body = int(stamp).to_bytes(8, "big", signed=True) + b"".join(field[row].tobytes() for field in fields)
            if not member.all():  # apart, so that bars without dates keep the digest they always had
                body += np.packbits(member).tobytes()
            digest = hashlib.sha256(digest + body).digest()
            chain.append(digest)
        return tuple(chain)

    @property
    def digest(self) -> bytes:
        """Fingerprint of the bars: equal digests mean equal bars; a prefix has the digest of its last row."""
        return self.row_digests[len(self.sessions) - 1] if len(self.sessions) else b""

    @cached_property
    def dates(self) -> Sequence[date]:
        """Give the sessions as dates; a prefix has those of the whole panel."""
        dates: list[date] = self.sessions.astype("datetime64[D]").tolist()
        return dates

    @cached_property
    def closed_at(self) -> Sequence[datetime]:
        """Give `known_at` as times, aware UTC; a prefix has those of the whole panel."""
        moments: list[datetime] = self.known_at.astype("datetime64[us]").tolist()
        return [moment.replace(tzinfo=UTC) for moment in moments]

    def rows_known(self, as_of: datetime) -> int:
        """Count the sessions whose bar was known at `as_of`."""
        return bisect_right(self.closed_at, as_of, hi=len(self.sessions))

    def prefix(self, rows: int) -> BarPanel:
        """Give the first `rows` sessions without copying or checking the bars again."""
        if rows == len(self.sessions):
            return self
        cut = object.__new__(BarPanel)
        cut.__dict__.update(
            sessions=self.sessions[:rows], known_at=self.known_at[:rows], symbols=self.symbols,
            open=self.open[:rows], high=self.high[:rows], low=self.low[:rows],
            close=self.close[:rows], volume=self.volume[:rows], member=self.member[:rows],
            column=self.column, row_digests=self.row_digests, dates=self.dates, closed_at=self.closed_at,
        )  # fmt: skip
        return cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The last price seen for a symbol, with what traded since the look before.

    Attributes
    ----------
    price : float
        US dollars, as traded (not adjusted for later dividends).
    at : datetime
        When it was seen, UTC.
    session_open : float or None
        The session's opening price, when the feed knows it.
    bid, ask, bid_ask_at : float, float and datetime, or None
        The best bid and ask and when they were quoted, where the vendor has them: evidence for or against the
        price, for the feed only; no view holds them.
    """

    symbol: str
    price: float
    at: datetime
    session_open: float | None = None
    bid: float | None = None
    ask: float | None = None
    bid_ask_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """One news item: its text, its symbols, when it was published and when it was received."""

    symbols: tuple[str, ...]
    text: str
    published_at: datetime
    received_at: datetime
    publisher: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A past situation recalled for a decision, with its outcome as a fact."""

    symbol: str
    fact: str
    valid_at: datetime


@dataclass(frozen=True, kw_only=True, eq=False)
class MarketView:
    """All a decision may know: a prefix of the panel, quotes, news, memories; nothing later than `as_of`.

    Attributes
    ----------
    as_of : datetime
        The moment of the decision, aware UTC.
    bars : BarPanel
        The sessions known at `as_of`, and no later one.
    stale : mapping of str to str
        Symbols left out of this decision, and why.
    feed_fault : str
        Why the feed as a whole cannot be trusted (entries stop); empty when it can.
    source : str
        `yfinance`, `alpaca`, `parquet` or `simulated`.
    market_open : bool
        Whether the exchange is in its regular session at `as_of`.
    actions : tuple of CorporateAction
        Corporate actions in effect by `as_of` of which the feed is certain, in order of `ex_date`; the bars and
        quotes of their symbols are in shares of after them. A symbol with a doubtful one is in `stale`.
    """

    as_of: datetime
    bars: BarPanel
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    headlines: tuple[Headline, ...] = ()
    memories: tuple[Memory, ...] = ()
    stale: Mapping[str, str] = field(default_factory=dict)
    feed_fault: str = ""
    source: str = ""
    market_open: bool = False
    actions: tuple[CorporateAction, ...] = ()

    def __post_init__(self) -> None:
        if self.as_of.tzinfo is None:
            raise InvariantError(f"The view's as_of {self.as_of} has no time zone.")
        late = [q.symbol for q in self.quotes.values() if q.at > self.as_of]
        late += [h.text for h in self.headlines if max(h.received_at, h.published_at) > self.as_of]
        late += [m.fact for m in self.memories if m.valid_at > self.as_of]
        if self.actions:
            late += [a.action_id for a in self.actions if a.ex_date > market_date(self.as_of)]
        if late or self._bars_reach_beyond():
            raise InvariantError(f"The view as of {self.as_of} holds something later: {late[:3] or 'bars'}.")

    def _bars_reach_beyond(self) -> bool:
        return self.row >= 0 and self.bars.closed_at[self.row] > self.as_of

    @property
    def row(self) -> int:
        """Index of the last known session in `bars`; -1 when nothing is known."""
        return len(self.bars.sessions) - 1

    @property
    def session(self) -> np.datetime64:
        """Date of the last known session."""
        if self.row < 0:
            raise InvariantError("The view holds no session.")
        return cast(np.datetime64, self.bars.sessions[-1])

    def eligible(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """Give those that may be entered: in the universe at the last session, with bars that are not stale."""
        return tuple(filter(self._eligible_now.__contains__, symbols))

    @cached_property
    def _eligible_now(self) -> frozenset[str]:
        """Hold all that may be entered; nothing where there is no session."""
        members: list[bool] = self.bars.member[-1].tolist() if self.row >= 0 else []
        belonging = {symbol for symbol, belongs in zip(self.bars.symbols, members, strict=False) if belongs}
        return frozenset(belonging.difference(self.stale))

    def price(self, symbol: str) -> float | None:
        """Give the newest price known: the quote, else the last close; None when there is none."""
        quote = self.quotes.get(symbol)
        if quote is not None:
            return quote.price
        column = self.bars.column.get(symbol)
        if column is None or not self._last_closes:
            return None
        close = self._last_closes[column]
        return close if isfinite(close) else None

    @cached_property
    def _last_closes(self) -> Sequence[float]:
        """Give the last session's closes as Python's own numbers; empty when there is no session."""
        closes: list[float] = self.bars.close[-1].tolist() if self.row >= 0 else []
        return closes

    def digest(self) -> str:
        """Return the fingerprint of the view: SHA-256 of bars, quotes, news, memories, exclusions, actions."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.sha256(self.bars.digest)
        parts = (
            self.as_of.isoformat(), self.source, self.feed_fault, self.market_open,
            sorted(self.stale.items()),
            [(q.symbol, q.price, q.at.isoformat(), q.session_open) for _, q in sorted(self.quotes.items())],
            [(h.symbols, h.text, h.published_at.isoformat()) for h in self.headlines],
            [(m.symbol, m.fact, m.valid_at.isoformat()) for m in self.memories],
        )  # fmt: skip
        digest.update(repr(parts).encode())
        if self.actions:  # apart, so that a view without any keeps the digest it always had
            digest.update(repr([(a.action_id, a.ratio, a.cash_per_share) for a in self.actions]).encode())
        return digest.hexdigest()
