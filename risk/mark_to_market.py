"""Mark the portfolio to the view: last prices, peaks, the session's figures, miss counts."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from math import inf

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from core.money import to_price
from core.times import market_date
from core.types import Cycle, MarketAnalysis, MarketView, Portfolio, Position

EXITS_KEPT = timedelta(days=40)  # more than 20 sessions, which `reentry_sessions` can be at most


@lru_cache(maxsize=2)
def _price_cache(view: MarketView) -> dict[str, Decimal | None]:  # noqa: ARG001  the view is the key
    """Return the cache of a view's prices: one step needs the same few several times."""
    return {}


def live_price(view: MarketView, symbol: str) -> Decimal | None:
    """Return the price that may be traded on; None when there is none, or the symbol is stale."""
    cached = _price_cache(view)
    if symbol not in cached:
        price = None if symbol in view.stale else view.price(symbol)
        cached[symbol] = (to_price(price) or None) if price is not None and 0 < price < inf else None
    return cached[symbol]


def candidates_of(analysis: MarketAnalysis, cycle: Cycle) -> frozenset[str] | None:
    """Return the candidates; None where the cycle has none because the ranker abstained or was not asked."""
    known = cycle.kind.decides and (analysis.ranking or analysis.candidates)
    return frozenset(analysis.candidates) if known else None


def current_session(view: MarketView, before: date | None) -> date | None:
    """Return the session of the view: today's while the exchange is open, else the last one known.

    Before the open and on closed days the last session goes on, so its daily figures stand until the bell.
    """
    known = [before] if before else []
    if view.market_open:
        known.append(market_date(view.as_of))
    elif view.row >= 0:
        known.append(view.bars.dates[view.row])
    return max(known, default=None)


def mark_to_market(view: MarketView, portfolio: Portfolio, analysis: MarketAnalysis, cycle: Cycle) -> Portfolio:
    """Mark the portfolio to the view; no trade is applied.

    A position without a live price keeps its last one (its entry price, if it never had any). `peak_price` is
    the highest of the prices seen by a step (quotes and closes), not the session's high: a high is known only
    after the close, and part of it may precede the entry.

    With the first step of a session `trades_today` starts at 0 and `session_open_equity` is the equity as the
    session before left it (`last_equity`), so an overnight gap counts as today's loss, also that of a position
    which is sold at the open, before this session's first mark. A session's first step also ends the base that
    a resume gave the daily loss; the base of the drawdown lasts until a new high.

    `missed_count` is the number of sessions counted since the name was last seen as a candidate. Daily bars name
    the same candidates all day, so a session counts once however many decisions it sees, and at the first
    whose ranker gave candidates; one in which it abstained all day counts nothing.
    """
    session = current_session(view, portfolio.session)
    begun = portfolio.session is not None and session != portfolio.session
    candidates = candidates_of(analysis, cycle)
    positions = {
        symbol: _marked(held, live_price(view, symbol), candidates, session)
        for symbol, held in portfolio.positions.items()
    }
    opening = portfolio.session_open_equity
    if begun or not opening:
        opening = portfolio.last_equity or _carried_equity(portfolio, positions)
    equity = sum((held.value for held in positions.values()), portfolio.cash)
    marked = replace(
        portfolio,
        positions=positions,
        session=session,
        session_open_equity=opening,
        peak_equity=max(portfolio.peak_equity, equity),
        last_equity=equity,
        trades_today=0 if begun else portfolio.trades_today,
        risk_exits=_recent(portfolio.risk_exits, session) if begun else portfolio.risk_exits,
    )
    if portfolio.session_base is UNSET and portfolio.peak_base is UNSET:
        return marked
    peak_base = UNSET if portfolio.peak_base is UNSET else max(portfolio.peak_base, equity)
    return marked.with_bases(UNSET if begun else portfolio.session_base, peak_base)


def _marked(
    held: Position, price: Decimal | None, candidates: Container[str] | None, session: date | None
) -> Position:
    last = price or held.last_price or held.average_price
    missed, counted = held.missed_count, held.judged_session
    if candidates is not None:
        missed = 0 if held.symbol in candidates else missed + int(counted != session)
        counted = session
    return Position(
        symbol=held.symbol,
        quantity=held.quantity,
        average_price=held.average_price,
        entry_at=held.entry_at,
        entry_session=held.entry_session,
        peak_price=max(held.peak_price, last),
        missed_count=missed,
        last_price=last,
        judged_session=counted,
    )


def _recent(exits: Mapping[str, date] | UnsetType, session: date | None) -> Mapping[str, date] | UnsetType:
    """Forget the exits of rules that no limit can ask for any more."""
    if exits is UNSET or session is None:
        return exits
    kept = {symbol: day for symbol, day in exits.items() if session - day <= EXITS_KEPT}
    return kept or UNSET


def _carried_equity(before: Portfolio, now: dict[str, Position]) -> Decimal:
    """Equity at the prices of the last mark; a position never marked counts at the price of now."""
    values = (
        held.quantity * (held.last_price or now[name].last_price) for name, held in before.positions.items()
    )
    return sum(values, before.cash)
