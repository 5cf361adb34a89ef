"""Mark to market: the portfolio's equity at the end of each session, from the recorded steps."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import msgspec

from adapters.ledger.database import Database
from adapters.ledger.kept_records import RecordDecoder, reading
from core.service import EquityMark
from core.times import market_date
from core.trading import ZERO

_STEPS_AFTER = "SELECT sequence, as_of FROM steps WHERE sequence > ? ORDER BY sequence"
_EXTERNAL_FLOWS = """
    SELECT at, amount FROM cash_movements WHERE kind IN ('deposit', 'withdrawal') ORDER BY sequence
"""
_REPORT = "SELECT report FROM steps WHERE sequence = ?"


class _Position(msgspec.Struct):
    quantity: Decimal
    last_price: Decimal


class _Portfolio(msgspec.Struct):
    cash: Decimal
    positions: dict[str, _Position]
    peak_equity: Decimal


class _Regime(msgspec.Struct):
    name: str


class _MarketAnalysis(msgspec.Struct):
    regime: _Regime | None = None


class _Plan(msgspec.Struct):
    portfolio: _Portfolio
    analysis: _MarketAnalysis = msgspec.field(name="opinion")


class _Cycle(msgspec.Struct):
    as_of: datetime | None = None


class _Report(msgspec.Struct):
    """The few fields of a recorded step that are needed; the rest is skipped unread."""

    cycle: _Cycle
    plan: _Plan


_decoder = RecordDecoder(_Report, "A recorded report of ledger.sqlite")


class EquityMarks:
    """Keeps one mark a session: the last step about its own moment. Each step is read once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._until = 0
        self._marks: dict[date, EquityMark] = {}

    def newest(self, sessions: int) -> Sequence[EquityMark]:
        """Return the last sessions' marks, oldest first."""
        with self._lock:
            self._read_on()
            marks = [mark for _, mark in sorted(self._marks.items())]
            return with_flows(marks, self._external_flows())[-sessions:]

    def _external_flows(self) -> Sequence[tuple[date, Decimal]]:
        rows = self._database.read(_EXTERNAL_FLOWS)
        return [(market_date(datetime.fromisoformat(at)), Decimal(amount)) for at, amount in rows]

    def _read_on(self) -> None:
        by_day: dict[date, list[tuple[int, str]]] = {}
        for sequence, as_of in self._database.read(_STEPS_AFTER, (self._until,)):
            with reading("A recorded moment of ledger.sqlite"):
                day = market_date(datetime.fromisoformat(as_of))
            by_day.setdefault(day, []).append((sequence, as_of))
            self._until = sequence
        for day, steps in by_day.items():
            for sequence, as_of in reversed(steps):
                found = self._read_mark(sequence, as_of, day)
                if found is not None:
                    self._marks[day] = found
                    break

    def _read_mark(self, sequence: int, as_of: str, day: date) -> EquityMark | None:
        report = _decoder.decode(self._database.read(_REPORT, (sequence,))[0][0])
        if report.cycle.as_of is not None:  # a what-if decided on an empty portfolio
            return None
        portfolio = report.plan.portfolio
        held = portfolio.positions.values()
        equity = sum((position.quantity * position.last_price for position in held), portfolio.cash)
        regime = report.plan.analysis.regime
        peak = max(portfolio.peak_equity, equity)
        return EquityMark(
            session=day,
            as_of=datetime.fromisoformat(as_of),
            equity=equity,
            drawdown=float(equity / peak - 1) if peak else 0.0,
            regime=regime.name if regime else None,
        )


def with_flows(marks: Sequence[EquityMark], flows: Sequence[tuple[date, Decimal]]) -> tuple[EquityMark, ...]:
    """Add to each mark what a person paid in since the one before; what came before the first is no flow."""
    sums: dict[date, Decimal] = {}
    for day, amount in flows:
        due = next((mark.session for mark in marks if mark.session >= day), None)
        if due is not None and due != marks[0].session:
            sums[due] = sums.get(due, ZERO) + amount
    return tuple(
        replace(mark, external_flow=sums[mark.session]) if mark.session in sums else mark for mark in marks
    )
