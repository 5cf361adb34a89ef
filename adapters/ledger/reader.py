"""Questions to the ledger, from any thread."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice

from adapters.ledger.database import Database, SqlRow
from adapters.ledger.equity import EquityMarks
from adapters.ledger.history import HistoryReader
from adapters.ledger.recorded_steps import RecordedSteps
from adapters.ledger.rows import (
    FILL_COLUMNS,
    MOVEMENT_COLUMNS,
    ORDER_COLUMNS,
    decode_portfolio,
    decode_refusals,
    decode_report,
    fill_of,
    moment_of,
    movement_of,
    order_record,
    stamp,
    trading_state_of,
)
from core.money import PRICE_TICK
from core.orders import SPLIT
from core.round_trips import RoundTrip, RoundTripTracker
from core.service import EquityMark, OrderRecord, RefusalRecord
from core.slippage import Executed
from core.times import NEW_YORK
from core.trading import ZERO
from core.types import CashMovement, CorporateAction, Fill, Portfolio, StepReport, TradingState

_ORDERS = f"SELECT {ORDER_COLUMNS}, reason FROM orders"  # noqa: S608  constants
_FILLS = f"SELECT {FILL_COLUMNS} FROM fills"  # noqa: S608  constants
_MOVEMENTS = f"SELECT {MOVEMENT_COLUMNS} FROM cash_movements"  # noqa: S608  constants
_MOVEMENTS_AFTER = f"SELECT {MOVEMENT_COLUMNS}, sequence FROM cash_movements WHERE sequence > ? ORDER BY sequence"  # noqa: S608  constants
STEPS_A_READ = 32
REFUSAL_STEPS_MAX = 100  # about a session: they are read whole
_FILLS_AFTER = f"SELECT {FILL_COLUMNS}, sequence FROM fills WHERE sequence > ? ORDER BY sequence"  # noqa: S608  constants


class LedgerReader:
    """Answers over what is committed, through a read-only connection of its own.

    Attributes
    ----------
    history : HistoryReader
        What needs the whole ledger.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._marks = EquityMarks(database)
        self.history = HistoryReader(database)
        self._tracker = RoundTripTracker()
        self._closed: list[RoundTrip] = []
        self._tracked_until = 0
        self._movements_tracked_until = 0
        self._tracker_lock = threading.Lock()
        self._state = self.trading_state()
        since = self._database.read("SELECT since FROM flattening")
        self._flattening_since = moment_of(since[0]) if since else None

    def portfolio(self) -> Portfolio | None:
        """Return the portfolio after the last step recorded; None when there is none."""
        rows = self._database.read("SELECT portfolio FROM book WHERE portfolio IS NOT NULL")
        return decode_portfolio(rows[0][0]) if rows else None

    def trading_state(self) -> TradingState:
        """Return the trading state last recorded; ACTIVE in a new ledger."""
        rows = self._database.read("SELECT trading_state FROM book")
        return trading_state_of(rows[0]) if rows else TradingState.ACTIVE

    def state_reason(self) -> str:
        """Return why the trading state is what it is."""
        rows = self._database.read("SELECT state_reason FROM book")
        return str(rows[0][0]) if rows else ""

    def decisions(self, limit: int) -> Sequence[StepReport]:
        """Return recorded steps, newest first."""
        return tuple(islice(self.steps(), limit))

    def steps(self, cycles: Collection[str] = (), *, before: str = "") -> Iterator[StepReport]:
        """Return recorded steps one by one, newest first, read as they are taken.

        Who looks for a certain step takes from this: a list of the newest is too short one day.

        Parameters
        ----------
        cycles : collection of str
            Names of the cycles whose steps are wanted; empty for all.
        before : str
            Only steps recorded before this decision; empty for all.
        """
        wanted = f"AND cycle IN ({', '.join('?' * len(cycles))})" if cycles else ""
        sql = f"SELECT sequence, report FROM steps WHERE sequence < ? {wanted} ORDER BY sequence DESC LIMIT ?"  # noqa: S608  placeholders
        place = self._place_of(before) if before else self.last_step() + 1
        while rows := self._database.read(sql, (place, *cycles, STEPS_A_READ)):
            yield from (decode_report(report) for _, report in rows)
            place = rows[-1][0]

    def decision(self, decision_id: str) -> StepReport | None:
        """Return one recorded step, equal to the one written."""
        rows = self._database.read("SELECT report FROM steps WHERE decision_id = ?", (decision_id,))
        return decode_report(rows[0][0]) if rows else None

    def journal(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return up to `limit` steps after a place, oldest first: each one's place and its report as JSON."""
        sql = "SELECT sequence, report FROM steps WHERE sequence > ? ORDER BY sequence LIMIT ?"
        return tuple((row[0], row[1]) for row in self._database.read(sql, (after, limit)))

    def trading_journal(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return the same of those steps only that approved or filled something."""
        sql = (
            "SELECT sequence, report FROM trading_steps JOIN steps USING (sequence) "
            "WHERE sequence > ? ORDER BY sequence LIMIT ?"
        )
        return tuple((row[0], row[1]) for row in self._database.read(sql, (after, limit)))

    def last_step(self) -> int:
        """Return the newest step's place; 0 in a new ledger."""
        return int(self._database.read("SELECT coalesce(max(sequence), 0) FROM steps")[0][0])

    def orders(self, limit: int) -> Sequence[OrderRecord]:
        """Return orders, newest first."""
        return self._orders(f"{_ORDERS} ORDER BY sequence DESC LIMIT ?", limit)

    def orders_of(self, decision_id: str) -> Sequence[OrderRecord]:
        """Return the orders of one decision, in the order they are sent; by the index, however old it is."""
        return self._orders(f"{_ORDERS} WHERE decision_id = ? ORDER BY sequence", decision_id)

    def refusals(self, limit: int) -> Sequence[RefusalRecord]:
        """Return what limits stopped in the newest steps, newest first; what-ifs are left out."""
        rows = self._database.read(
            "SELECT report FROM steps ORDER BY sequence DESC LIMIT ?", (REFUSAL_STEPS_MAX,)
        )
        return tuple(islice((found for (body,) in rows for found in decode_refusals(body)), limit))

    def order_counts(self) -> Mapping[str, int]:
        """Return how many orders there are in each status."""
        return dict(self._database.read("SELECT status, count(*) FROM orders GROUP BY status ORDER BY status"))

    def order(self, client_order_id: str) -> OrderRecord | None:
        """Return one order."""
        return next(iter(self._orders(f"{_ORDERS} WHERE client_order_id = ?", client_order_id)), None)

    def unsent_orders(self) -> Sequence[OrderRecord]:
        """Return the orders written down to be sent, oldest first, of which it is not known whether they were."""
        return self._orders(f"{_ORDERS} WHERE status = 'recorded' ORDER BY sequence")

    def unfinished_orders(self) -> Sequence[OrderRecord]:
        """Return the orders that were to be sent and have not ended, oldest first."""
        return self._orders(
            f"{_ORDERS} WHERE status IN ('recorded', 'submitted', 'partially_filled') ORDER BY sequence"
        )

    def flattening_since(self) -> datetime | None:
        """Return since when everything is being sold; None where it is not."""
        return self._flattening_since

    def portfolio_as_of(self) -> datetime | None:
        """Return the moment of the step that last wrote the portfolio; None when there is none."""
        rows = self._database.read("SELECT as_of FROM book WHERE portfolio IS NOT NULL")
        return moment_of(rows[0]) if rows else None

    def first_step_at(self) -> datetime | None:
        """Return the moment of the first step ever recorded; None in a new ledger."""
        rows = self._database.read("SELECT as_of FROM steps ORDER BY sequence LIMIT 1")
        return moment_of(rows[0]) if rows else None

    def fills(self, limit: int) -> Sequence[Fill]:
        """Return fills, newest first."""
        rows = self._database.read(f"{_FILLS} ORDER BY sequence DESC LIMIT ?", (limit,))
        return tuple(fill_of(row) for row in rows)

    def reference_prices(self, client_order_ids: Collection[str]) -> Mapping[str, Decimal]:
        """Return what the decisions behind orders stood on, US dollars, by client_order_id."""
        names = tuple(dict.fromkeys(client_order_ids))
        marks = ", ".join("?" * len(names))
        sql = f"SELECT client_order_id, reference_price FROM orders WHERE client_order_id IN ({marks})"  # noqa: S608  placeholders
        return {str(name): Decimal(price) for name, price in self._database.read(sql, names)}

    def executed(self, client_order_ids: Collection[str]) -> Mapping[str, Executed]:
        """Return what of orders has traded, by client_order_id."""
        names = tuple(dict.fromkeys(client_order_ids))
        marks = ", ".join("?" * len(names))
        sql = f"SELECT client_order_id, quantity, price FROM fills WHERE client_order_id IN ({marks})"  # noqa: S608  placeholders
        traded: dict[str, tuple[Decimal, Decimal]] = {}
        for name, quantity, price in self._database.read(sql, names):
            shares, value = traded.get(name, (ZERO, ZERO))
            traded[name] = shares + Decimal(quantity), value + Decimal(quantity) * Decimal(price)
        return {
            name: Executed(shares, (value / shares).quantize(PRICE_TICK))
            for name, (shares, value) in traded.items()
            if shares
        }

    def fill_count(self, session: date) -> int:
        """Return how many fills a session had; a split is none."""
        begins, ends = (
            stamp(datetime.combine(day, time.min, NEW_YORK)) for day in (session, session + timedelta(days=1))
        )
        sql = "SELECT count(*) FROM fills WHERE at >= ? AND at < ? AND rule != ?"
        return int(self._database.read(sql, (begins, ends, SPLIT))[0][0])

    def new_fills(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """Return those fills that the ledger does not hold yet, each once."""
        fresh = {fill.fill_id: fill for fill in fills}
        known = "SELECT 1 FROM fills WHERE fill_id = ?"
        return tuple(fill for name, fill in fresh.items() if not self._database.read(known, (name,)))

    def cash_movements(self, limit: int) -> Sequence[CashMovement]:
        """Return cash movements, newest first."""
        rows = self._database.read(f"{_MOVEMENTS} ORDER BY sequence DESC LIMIT ?", (limit,))
        return tuple(movement_of(row) for row in rows)

    def paid_in_total(self) -> Decimal:
        """Return all that a person paid in, less what a person took out, US dollars."""
        sql = "SELECT amount FROM cash_movements WHERE kind IN ('deposit', 'withdrawal')"
        return sum((Decimal(amount) for (amount,) in self._database.read(sql)), Decimal(0))

    def new_cash_movements(self, movements: Sequence[CashMovement]) -> tuple[CashMovement, ...]:
        """Return those cash movements that the ledger does not hold yet, each once."""
        fresh = {movement.movement_id: movement for movement in movements}
        known = "SELECT 1 FROM cash_movements WHERE movement_id = ?"
        return tuple(moved for name, moved in fresh.items() if not self._database.read(known, (name,)))

    def new_actions(self, actions: Sequence[CorporateAction]) -> tuple[CorporateAction, ...]:
        """Return those corporate actions that the ledger does not hold yet, each once."""
        fresh = {action.action_id: action for action in actions}
        known = "SELECT 1 FROM corporate_actions WHERE action_id = ?"
        return tuple(action for name, action in fresh.items() if not self._database.read(known, (name,)))

    def trades(self, limit: int) -> Sequence[RoundTrip]:
        """Return closed round trips, newest first; each fill and dividend is read once in the ledger's life."""
        with self._tracker_lock:
            movements = self._database.read(_MOVEMENTS_AFTER, (self._movements_tracked_until,))
            paid = [movement_of(row) for row in movements]
            for row in self._database.read(_FILLS_AFTER, (self._tracked_until,)):
                fill = fill_of(row)
                while paid and paid[0].at <= fill.at:
                    self._tracker.pay(paid.pop(0))
                closed = self._tracker.add(fill)
                self._closed += [closed] if closed else []
                self._tracked_until = row[9]
            for movement in paid:
                self._tracker.pay(movement)
            self._movements_tracked_until = movements[-1][6] if movements else self._movements_tracked_until
            return tuple(self._closed[: -limit - 1 : -1])

    def executions(self, begin: datetime, end: datetime) -> Sequence[tuple[Fill, Decimal]]:
        """Return the fills after a moment and up to another, oldest first, with their orders' reference prices.

        A fill without an order of ours, such as a split's, has 0.
        """
        columns = ", ".join(f"f.{name}" for name in FILL_COLUMNS.split(", "))
        rows = self._database.read(
            f"SELECT {columns}, coalesce(o.reference_price, '0') FROM fills f "  # noqa: S608  constants
            "LEFT JOIN orders o USING (client_order_id) WHERE f.at > ? AND f.at <= ? ORDER BY f.sequence",
            (stamp(begin), stamp(end)),
        )
        return tuple((fill_of(row), Decimal(row[-1])) for row in rows)

    def steps_between(self, begin: datetime, end: datetime) -> Sequence[StepReport]:
        """Return the steps about their own moment after a moment and up to another, oldest first."""
        sql = "SELECT sequence FROM steps WHERE as_of > ? AND as_of <= ? ORDER BY sequence"
        found = [place for (place,) in self._database.read(sql, (stamp(begin), stamp(end)))]
        steps = RecordedSteps(self._database, found)
        own = [place for place, step in zip(found, steps, strict=True) if step.cycle.as_of is None]
        return RecordedSteps(self._database, own)

    def orders_between(self, begin: datetime, end: datetime) -> Sequence[OrderRecord]:
        """Return the orders made after a moment and up to another, oldest first."""
        where = "WHERE created_at > ? AND created_at <= ? ORDER BY sequence"
        return self._orders(f"{_ORDERS} {where}", stamp(begin), stamp(end))

    def movements_between(self, begin: datetime, end: datetime) -> Sequence[CashMovement]:
        """Return the cash movements after a moment and up to another, oldest first."""
        rows = self._database.read(
            f"{_MOVEMENTS} WHERE at > ? AND at <= ? ORDER BY sequence", (stamp(begin), stamp(end))
        )
        return tuple(movement_of(row) for row in rows)

    def equity_marks(self, sessions: int) -> Sequence[EquityMark]:
        """Return the portfolio's equity at the end of the last sessions, oldest first."""
        return self._marks.newest(sessions)

    def _place_of(self, decision_id: str) -> int:
        rows = self._database.read("SELECT sequence FROM steps WHERE decision_id = ?", (decision_id,))
        return int(rows[0][0]) if rows else 0

    def _orders(self, sql: str, *values: str | int) -> Sequence[OrderRecord]:
        rows: list[SqlRow] = self._database.read(sql, values)
        return tuple(order_record(row) for row in rows)
