"""Which last prices are believed: one may be in a wrong unit, a neighbour's, of before a split, or stuck.

Nothing is traded, marked or limited at a price that is not believed: its symbol is stale, with the reason.

The rule
--------
- A price that is not positive and finite, or whose bid lies above its ask, is no price.
- A price is compared with the last one believed in this session, else with the last close. What is plausible is
  `MOVE_DEVIATIONS` times the symbol's own robust daily volatility, scaled by the square root of the share of a
  session since; at least 1 % within a session and 3 % overnight. A plausible price is believed at once.
- What is not plausible is believed when the bid and the ask stand around it, or when a second poll, a minute
  later or more, finds it moved to the same side, by up to three times as much. So a crash is believed one poll
  late.
- Below 40 % or above 140 % of both the last close and the last price believed, two polls confirm nothing, since a
  wrong source stays wrong. That takes the bid and the ask, twice; without them (Yahoo) the next daily bar.
- A sound bid and ask (a spread of 5 % at most, not older than the trade) refute a price outside of them.
- A price that moved by more than 1 % to exactly another symbol's, or has changed places with one, is that one's;
  only a bid and ask can say otherwise. Among so many names that prices meet by chance (more than 3 % of the cents
  within 5 % of the price are some other name's) an equal price says nothing.
- A price that has stood still for half an hour and six polls while its time and most other prices moved, where
  the symbol's volatility makes five cents of movement likely, is stuck.

Pure: what was seen before is passed in and given back. Figures and reasons: `docs/decisions/0009-quotes.md`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import exp, isfinite, log, sqrt

from msgspec import Struct
from msgspec.structs import replace

from adapters.feeds.quote_references import Reference, References
from core.types import Quote

SESSION = timedelta(hours=6.5)
MOVE_DEVIATIONS = 6.0
MOVE_MIN_SESSION, MOVE_MIN_OVERNIGHT = 0.01, 0.03
ELAPSED_MIN = timedelta(minutes=5)
SECOND_POLL_AFTER = timedelta(minutes=1)
SECOND_MOVE_RATIO, SECOND_MOVE_MIN = 2.0, 0.03
CLOSE_RATIO_MIN, CLOSE_RATIO_MAX = 0.4, 1.4
SPREAD_PCT_MAX, BID_ASK_TOLERANCE_PCT = 0.05, 0.01
BID_ASK_LAG_MAX = timedelta(minutes=1)
NEARBY_PCT, CHANCE_MAX = 0.05, 0.03
STUCK_AFTER, STUCK_POLLS, STUCK_MOVE_USD_MIN = timedelta(minutes=30), 6, 0.05


class SymbolHistory(Struct, frozen=True, kw_only=True, gc=False):
    """What the polls of a session have shown of one symbol.

    Attributes
    ----------
    price, at : float and datetime, or None
        The last price believed, US dollars, and when it was seen.
    since, polls : datetime or None, int
        From when on, and in how many polls, it has been exactly that.
    doubted, doubted_at : float and datetime, or None
        The first price not plausible that a second poll may confirm.
    reason : str
        Why no price is believed since the last that was; empty while one is.
    """

    price: float | None = None
    at: datetime | None = None
    since: datetime | None = None
    polls: int = 0
    doubted: float | None = None
    doubted_at: datetime | None = None
    reason: str = ""


QuoteHistory = Mapping[str, SymbolHistory]
NOTHING_SEEN = SymbolHistory()


@dataclass(frozen=True, slots=True, kw_only=True)
class BelievedQuotes:
    """The quotes of a poll that are believed, why the others are not, and what to pass to the next poll."""

    quotes: Mapping[str, Quote] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)
    history: QuoteHistory = field(default_factory=dict)


def believe(
    quotes: Mapping[str, Quote], history: QuoteHistory, references: References, opened_at: datetime
) -> BelievedQuotes:
    """Sort a poll's quotes into believed and doubted ones.

    Parameters
    ----------
    history : mapping of str to SymbolHistory
        As the poll before gave it; of earlier sessions nothing counts.
    references : References
        Last close and volatility of each symbol.
    opened_at : datetime
        When the running session opened.
    """
    poll = _Poll(quotes=quotes, history=history, references=references, opened_at=opened_at)
    believed, doubts, after = {}, {}, dict(history)
    for symbol, quote in quotes.items():
        reason, seen = poll.judge(quote)
        if reason:
            doubts[symbol] = seen.reason or reason
            after[symbol] = replace(seen, reason=doubts[symbol])
        else:
            believed[symbol] = Quote(
                symbol=quote.symbol, price=quote.price, at=quote.at, session_open=quote.session_open
            )
            settled = not seen.reason and seen.doubted is None and seen.doubted_at is None
            after[symbol] = seen if settled else replace(seen, reason="", doubted=None, doubted_at=None)
    return BelievedQuotes(quotes=believed, doubts=doubts, history=after)


class _Poll:
    """One poll of all symbols, judged symbol by symbol."""

    def __init__(
        self, *, quotes: Mapping[str, Quote], history: QuoteHistory, references: References, opened_at: datetime
    ) -> None:
        self._quotes = quotes
        self._history = history
        self._references = references
        self._opened_at = opened_at
        self._by_cents: dict[int, list[str]] = {}
        for symbol, quote in quotes.items():
            if _is_price(quote.price):
                self._by_cents.setdefault(round(quote.price * 100), []).append(symbol)
        self._cents = sorted(self._by_cents)

    def judge(self, quote: Quote) -> tuple[str, SymbolHistory]:
        """Return why a quote is not believed (empty when it is), and the symbol's history after it."""
        seen = self._seen(quote.symbol)
        if not _is_price(quote.price):
            return f"its last price {quote.price} is no price", seen
        if quote.bid is not None and quote.ask is not None and quote.bid > quote.ask > 0:
            return f"its bid {quote.bid} is above its ask {quote.ask}", seen
        inside = _between_bid_and_ask(quote)
        if inside is False:
            return f"its last price {quote.price} lies outside its bid {quote.bid} and ask {quote.ask}", seen
        why = self._implausible(quote, seen)
        if why and not self._is_confirmed(quote, seen, inside=bool(inside)):
            return why, self._doubted(quote, seen, inside=bool(inside))
        return self._believed(quote, seen)

    def _seen(self, symbol: str) -> SymbolHistory:
        """Return what this session has shown of a symbol."""
        seen = self._history.get(symbol, NOTHING_SEEN)
        opened = self._opened_at
        is_todays = (seen.at is not None and seen.at >= opened) or (
            seen.doubted_at is not None and seen.doubted_at >= opened
        )
        return seen if is_todays else NOTHING_SEEN

    def _anchor(self, symbol: str, seen: SymbolHistory) -> float | None:
        """Return what a price is compared with: the last believed of this session, else the last close."""
        return self._reference(symbol).close if seen.price is None else seen.price

    def _reference(self, symbol: str) -> Reference:
        return self._references(symbol)

    def _move(self, quote: Quote, seen: SymbolHistory) -> float | None:
        anchor = self._anchor(quote.symbol, seen)
        return None if anchor is None else log(quote.price / anchor)

    def _band(self, quote: Quote, seen: SymbolHistory) -> float:
        """Return how far a price may plausibly have moved, as a logarithm."""
        spread = MOVE_DEVIATIONS * self._reference(quote.symbol).volatility
        start = seen.since if _is_stuck_run(seen) else seen.at
        if seen.price is None or start is None:
            return max(MOVE_MIN_OVERNIGHT, spread)
        elapsed = min(max(quote.at - start, ELAPSED_MIN), SESSION)
        return max(MOVE_MIN_SESSION, spread * sqrt(elapsed / SESSION))

    def _implausible(self, quote: Quote, seen: SymbolHistory) -> str:
        """Return why a price needs to be confirmed; empty when it does not."""
        move = self._move(quote, seen)
        if move is None:
            return "it has no close to compare its last price with"
        anchor = quote.price / exp(move)
        said = f"its last price {quote.price:.2f} is {exp(move) - 1:+.1%} from {anchor:.2f}"
        if other := self._owner(quote, seen, move):
            return f"{said} and is the price of {other}"
        if abs(move) <= self._band(quote, seen):
            return ""
        return f"{said} and nothing confirms it"

    def _may_be_confirmed(self, quote: Quote, seen: SymbolHistory, *, inside: bool) -> bool:
        """Return whether a second poll like this one would confirm the price."""
        move = self._move(quote, seen)
        foreign = bool(move and self._owner(quote, seen, move))
        return inside or not (foreign or self._is_beyond_any_day(quote, seen))

    def _is_confirmed(self, quote: Quote, seen: SymbolHistory, *, inside: bool) -> bool:
        if inside and not self._is_beyond_any_day(quote, seen):
            return True
        return self._may_be_confirmed(quote, seen, inside=inside) and self._is_second(quote, seen)

    def _is_second(self, quote: Quote, seen: SymbolHistory) -> bool:
        """Return whether a poll before found the price moved to the same side, and not too differently."""
        if seen.doubted is None or seen.doubted_at is None or quote.at - seen.doubted_at < SECOND_POLL_AFTER:
            return False
        anchor = self._anchor(quote.symbol, seen)
        if anchor is None:
            return abs(log(quote.price / seen.doubted)) <= SECOND_MOVE_MIN
        first, now = log(seen.doubted / anchor), log(quote.price / anchor)
        return first * now > 0 and abs(now - first) <= max(SECOND_MOVE_MIN, SECOND_MOVE_RATIO * abs(first))

    def _doubted(self, quote: Quote, seen: SymbolHistory, *, inside: bool) -> SymbolHistory:
        """Return the history after a doubted price: it waits for a second poll, if one may confirm it."""
        waits = seen.doubted_at is not None and quote.at - seen.doubted_at < SECOND_POLL_AFTER
        if waits or not self._may_be_confirmed(quote, seen, inside=inside):
            return seen
        return replace(seen, doubted=quote.price, doubted_at=quote.at)

    def _believed(self, quote: Quote, seen: SymbolHistory) -> tuple[str, SymbolHistory]:
        """Return the history after a plausible price, and whether it is stuck."""
        if quote.price != seen.price or seen.at is None:
            return "", replace(seen, price=quote.price, at=quote.at, since=quote.at, polls=1)
        after = seen if quote.at <= seen.at else replace(seen, at=quote.at, polls=seen.polls + 1)
        since = after.since or quote.at
        expected = self._reference(quote.symbol).volatility * sqrt((quote.at - since) / SESSION) * quote.price
        moves = expected >= STUCK_MOVE_USD_MIN and self._others_moved(quote.symbol, since)
        if not (_is_stuck_run(after) and moves):
            return "", after
        return f"its price has stood at {quote.price} since {since:%H:%M} UTC while its time moved", after

    def _others_moved(self, symbol: str, since: datetime) -> bool:
        """Return whether most other prices have changed since a moment."""
        others = [seen for name, seen in self._history.items() if name != symbol and seen.since is not None]
        return 2 * sum(1 for seen in others if seen.since is not None and seen.since > since) > len(others)

    def _is_beyond_any_day(self, quote: Quote, seen: SymbolHistory) -> bool:
        """Return whether no session's move of one stock plausibly reaches as far."""
        known = (self._reference(quote.symbol).close, seen.price)
        ratios = [quote.price / price for price in known if price is not None]
        return bool(ratios) and not any(CLOSE_RATIO_MIN <= ratio <= CLOSE_RATIO_MAX for ratio in ratios)

    def _owner(self, quote: Quote, seen: SymbolHistory, move: float) -> str:
        """Return the symbol whose price this is instead, to the cent or in exchange; empty when there is none."""
        if abs(move) <= MOVE_MIN_SESSION:
            return ""
        same = [name for name in self._by_cents[round(quote.price * 100)] if name != quote.symbol]
        if same and not self._meet_by_chance(quote.price):
            return same[0]
        if abs(move) <= self._band(quote, seen):
            return ""
        anchor = self._anchor(quote.symbol, seen)
        return next((name for name in self._quotes if self._has_swapped(quote, anchor, name)), "")

    def _meet_by_chance(self, price: float) -> bool:
        """Return whether so many names stand near a price that one at its very cent is no surprise."""
        first = bisect_left(self._cents, 100 * price * (1 - NEARBY_PCT))
        stop = bisect_right(self._cents, 100 * price * (1 + NEARBY_PCT))
        others = stop - first - 1  # but for the cent itself
        return others > CHANCE_MAX * 200 * NEARBY_PCT * price

    def _has_swapped(self, quote: Quote, anchor: float | None, name: str) -> bool:
        other = self._quotes[name]
        theirs = self._anchor(name, self._seen(name))
        if name == quote.symbol or anchor is None or theirs is None or not _is_price(other.price):
            return False
        return max(abs(log(quote.price / theirs)), abs(log(other.price / anchor))) <= MOVE_MIN_SESSION


def _is_price(price: float) -> bool:
    return isfinite(price) and price > 0


def _is_stuck_run(seen: SymbolHistory) -> bool:
    if seen.since is None or seen.at is None:
        return False
    return seen.polls >= STUCK_POLLS and seen.at - seen.since >= STUCK_AFTER


def _between_bid_and_ask(quote: Quote) -> bool | None:
    """Return whether the price lies between bid and ask; None where these say nothing."""
    bid, ask, at = quote.bid, quote.ask, quote.bid_ask_at
    if bid is None or ask is None or not (_is_price(bid) and _is_price(ask)):
        return None
    if ask / bid - 1 > SPREAD_PCT_MAX or (at is not None and at < quote.at - BID_ASK_LAG_MAX):
        return None
    return bid * (1 - BID_ASK_TOLERANCE_PCT) <= quote.price <= ask * (1 + BID_ASK_TOLERANCE_PCT)
