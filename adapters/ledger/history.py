"""All that was traded and paid, in the order it was booked, and what decisions said; steps are read in part."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

import msgspec

from adapters.ledger.database import Database
from adapters.ledger.kept_records import RecordDecoder, reading
from adapters.ledger.rows import ACTION_COLUMNS, FILL_COLUMNS, MOVEMENT_COLUMNS, fill_of, movement_of
from core.times import market_date
from core.trading_history import OrderFacts, SymbolVotes
from core.types import CashMovement, CorporateAction, Fill

_FILLS = f"SELECT {FILL_COLUMNS} FROM fills ORDER BY sequence"  # noqa: S608  constants
_MOVEMENTS = f"SELECT {MOVEMENT_COLUMNS} FROM cash_movements ORDER BY sequence"  # noqa: S608  constants
_ACTIONS = f"SELECT {ACTION_COLUMNS} FROM corporate_actions WHERE symbol = ? ORDER BY sequence"  # noqa: S608  constants
_ORDERS = "SELECT client_order_id, decision_id, reference_price FROM orders"
_STEP = "SELECT report FROM steps WHERE decision_id = ?"
_FIRST = "SELECT report FROM steps ORDER BY sequence LIMIT 32"
_NEWEST = "SELECT sequence, as_of, decision_id FROM steps ORDER BY sequence DESC"
_AT = "SELECT report FROM steps WHERE sequence = ?"
_ACTION_NAMES = ACTION_COLUMNS.split(", ")[1:]
STEPS_A_SESSION_MAX = 8  # of them the last that decided is looked for; risk checks come between


class _Signal(msgspec.Struct):
    agent: str
    score: float


class _Vote(msgspec.Struct):
    signal: _Signal
    weight: float


class _Decision(msgspec.Struct):
    symbol: str
    action: str
    score: float
    votes: tuple[_Vote, ...] = ()


class _Portfolio(msgspec.Struct):
    session_open_equity: Decimal


class _Plan(msgspec.Struct):
    portfolio: _Portfolio
    decisions: tuple[_Decision, ...] = ()


class _Cycle(msgspec.Struct):
    as_of: datetime | None = None


class _Report(msgspec.Struct):
    """The few fields of a recorded step that are needed; the rest is skipped unread."""

    cycle: _Cycle
    plan: _Plan


_decoder = RecordDecoder(_Report, "A recorded report of ledger.sqlite")


class HistoryReader:
    """Reads the whole of a ledger; safe from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fills(self) -> tuple[Fill, ...]:
        """Return every fill, in the order booked."""
        return tuple(fill_of(row) for row in self._database.read(_FILLS))

    def movements(self) -> tuple[CashMovement, ...]:
        """Return every cash movement, in the order booked."""
        return tuple(movement_of(row) for row in self._database.read(_MOVEMENTS))

    def orders(self) -> Mapping[str, OrderFacts]:
        """Return the decision behind each order and the price it stood on, by client_order_id."""
        with reading("A recorded order of ledger.sqlite"):
            return {
                name: OrderFacts(decision_id=decision_id, reference_price=Decimal(price))
                for name, decision_id, price in self._database.read(_ORDERS)
            }

    def actions(self, symbol: str) -> tuple[CorporateAction, ...]:
        """Return the corporate actions that were booked of a symbol."""
        with reading("A recorded corporate action of ledger.sqlite"):
            return tuple(
                msgspec.convert(dict(zip(_ACTION_NAMES, row[1:], strict=True)), CorporateAction)
                for row in self._database.read(_ACTIONS, (symbol,))
            )

    def opening_equity(self) -> Decimal:
        """Return the equity before the first step, US dollars; 0 in a new ledger."""
        for (body,) in self._database.read(_FIRST):
            report = _decoder.decode(body)
            if report.cycle.as_of is None:  # no what-if
                return report.plan.portfolio.session_open_equity
        return Decimal(0)

    def votes_of(self, decision_id: str) -> Mapping[str, tuple[tuple[str, float, float], ...]]:
        """Return a decision's votes by symbol: agent, score, weight; empty where it is not known."""
        rows = self._database.read(_STEP, (decision_id,))
        if not rows:
            return {}
        return {
            one.symbol: tuple((vote.signal.agent, vote.signal.score, vote.weight) for vote in one.votes)
            for one in _decoder.decode(rows[0][0]).plan.decisions
        }

    def session_votes(self, symbol: str, sessions: int) -> tuple[SymbolVotes, ...]:
        """Return what each of the last sessions' last decision said of a symbol, oldest first."""
        found: dict[date, SymbolVotes] = {}
        looked: dict[date, int] = {}
        for sequence, as_of, decision_id in self._database.read(_NEWEST):
            with reading("A recorded moment of ledger.sqlite"):
                day = market_date(datetime.fromisoformat(as_of))
            looked[day] = looked.get(day, 0) + 1
            if day in found or looked[day] > STEPS_A_SESSION_MAX:
                continue
            if len(looked) > sessions:
                break
            votes = self._votes_at(sequence, symbol, day, decision_id)
            if votes is not None:
                found[day] = votes
        return tuple(found[day] for day in sorted(found))

    def _votes_at(self, sequence: int, symbol: str, day: date, decision_id: str) -> SymbolVotes | None:
        report = _decoder.decode(self._database.read(_AT, (sequence,))[0][0])
        one = next((one for one in report.plan.decisions if one.symbol == symbol and one.votes), None)
        if one is None or report.cycle.as_of is not None:
            return None
        votes = {vote.signal.agent: vote.signal.score for vote in one.votes}
        return SymbolVotes(session=day, decision_id=decision_id, action=one.action, score=one.score, votes=votes)
