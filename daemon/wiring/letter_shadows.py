"""The books' sessions for the letter: as they were closed, and as they stand where the close is not known yet."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from analysis.scorekeeper import YARDSTICK
from analysis.scores import known_so_far
from analysis.tracking import Closes
from core.letter import ShadowBookDay
from core.scoreboard import KnownSoFar, Outcome
from core.types import Portfolio
from daemon.wiring.engine_factory import EngineFactory
from daemon.wiring.scoreboard import ACCOUNT

Marks = Mapping[str, tuple[float, float]]
"""Equity, and what was paid in since the last close, by book."""


def marks_of(engines: EngineFactory, account: Portfolio, paid_in_total: Decimal) -> Marks:
    """Return how the account and the open shadow books stand now."""
    closed = engines.scores.state.books.get(ACCOUNT)
    paid_in = float(paid_in_total) - closed.paid_in_total if closed else 0.0
    books = {book.name: (float(book.engine.portfolio.equity), 0.0) for book in engines.shadows.shadows}
    return {**books, ACCOUNT: (float(account.equity), paid_in)}


def closes_until(engines: EngineFactory, session: str, marks: Marks) -> Mapping[str, Closes]:
    """Return equity and payments by book and session, oldest first, up to a session (ISO date).

    A live feed shows a session's bar only after the letter's hour: until a step has closed it, the books' marks
    stand for its close.
    """
    closes: dict[str, dict[str, tuple[float, float]]] = {}
    for close in engines.scores.closes():
        if close.session <= session:
            closes.setdefault(close.name, {})[close.session] = (close.equity, close.paid_in)
    if engines.scores.state.session < session:
        for name, mark in marks.items():
            if name in closes:
                closes[name][session] = mark
    return closes


def shadow_days(engines: EngineFactory, closes: Mapping[str, Closes], session: str) -> tuple[ShadowBookDay, ...]:
    """Return each book's session, and what is known of it by now."""
    taught = {one.name: one for one in engines.scores.taught(session) if one.kind == "book"}
    states = engines.scores.state.books
    returns = {name: return_of(of_one, session) for name, of_one in closes.items()}
    yardstick = returns.get(YARDSTICK)
    known: dict[str, KnownSoFar | Outcome] = {
        name: known_so_far(book.evidence) for name, book in states.items()
    } | taught
    days = []
    for name, of_one in sorted(closes.items()):
        judged, own = name != YARDSTICK, returns[name]
        says = known.get(name) if judged else None
        days.append(
            ShadowBookDay(
                name=name,
                equity=list(of_one.values())[-1][0],
                return_day=own,
                excess_day=own - yardstick if judged and own is not None and yardstick is not None else None,
                e_value=says.e_value if says else None,
                state=says.state if says else "",
            )
        )
    return tuple(days)


def return_of(closes: Closes, session: str) -> float | None:
    """Return a book's return in a session; None without a close of it and one before."""
    before = [equity for day, (equity, _) in closes.items() if day < session]
    if session not in closes or not before or before[-1] <= 0:
        return None
    equity, paid_in = closes[session]
    return (equity - paid_in) / before[-1] - 1.0
