"""The ledger in SQLite: one writer (the engine thread), readers beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from adapters.ledger.database import Cursor, Database, Survives
from adapters.ledger.read_back import (
    require_known,
    require_orders,
    require_recorded,
    require_sending,
    require_state,
)
from adapters.ledger.reader import LedgerReader
from adapters.ledger.rows import ORDER_COLUMNS, decode_report, encode_portfolio, encode_report, order_row, stamp
from adapters.ledger.schema import LEDGER, TABLES
from adapters.ledger.settlements import advance, write_settlement
from config.environment import OrderRoute
from core.errors import InvariantError
from core.masking import NO_SECRETS, SecretMask
from core.trading import ZERO, tighter
from core.types import ApprovedOrder, Order, OrderStatus, Portfolio, StepReport, TradingState

_INSERT_STEP = """
    INSERT INTO steps (decision_id, cycle, as_of, report) VALUES (?, ?, ?, ?)
    ON CONFLICT (decision_id) DO NOTHING
"""
_INSERT_TRADING_STEP = "INSERT INTO trading_steps (sequence) VALUES (?)"
_INSERT_ORDER = f"INSERT INTO orders ({ORDER_COLUMNS}, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')"  # noqa: S608  constants
_SEVERITY = " ".join(f"WHEN '{state.value}' THEN {rank}" for rank, state in enumerate(TradingState))
_TIGHTENS = f"CASE excluded.trading_state {_SEVERITY} END > CASE trading_state {_SEVERITY} END"
_SET_PORTFOLIO = f"""
    INSERT INTO book (id, as_of, portfolio, trading_state, state_reason) VALUES (1, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET as_of = excluded.as_of, portfolio = excluded.portfolio,
        state_reason = CASE WHEN {_TIGHTENS} THEN excluded.state_reason ELSE state_reason END,
        trading_state = CASE WHEN {_TIGHTENS} THEN excluded.trading_state ELSE trading_state END
"""  # noqa: S608  constants
_SET_STATE = """
    INSERT INTO book (id, as_of, portfolio, trading_state, state_reason) VALUES (1, '', NULL, ?, ?)
    ON CONFLICT (id) DO UPDATE SET trading_state = excluded.trading_state,
        state_reason = excluded.state_reason
"""
_MARK_SENDING = """
    UPDATE orders SET status = ?, quantity = ?, reference_price = ?,
        updated_at = max(created_at, coalesce((SELECT as_of FROM book), ''))
    WHERE client_order_id = ? AND status = 'proposed'
"""


_START_FLATTENING = "INSERT INTO flattening (id, since) VALUES (1, ?) ON CONFLICT DO NOTHING"


class SqliteLedger(LedgerReader):
    """Records what was decided, sent and filled. Nothing in it comes from a wall clock.

    A step is written in one transaction: the report, its approved orders, what it settled and the portfolio. What
    must outlive a power cut is forced to the disk before the call returns: orders that are sent next, fills (the
    broker learns that they were booked) and changes of state. The rest outlives a kill of the process, and with
    the next forced write a power cut too.

    Parameters
    ----------
    path : Path or None
        The file; None for a ledger in memory with the same rows (backtests).
    route : OrderRoute
        Where this process sends orders. Orders of a step that submits are recorded as `recorded`, on the
        dry-run route as `dry_run`; those of other steps as `proposed`.
    mask : SecretMask
        Taken out of every text that is written.

    Raises
    ------
    core.errors.LedgerError
        When the file cannot be used; every method raises it when reading or writing fails.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        route: OrderRoute,
        database: Database | None = None,
        mask: SecretMask = NO_SECRETS,
    ) -> None:
        super().__init__(database or Database(path, LEDGER))
        self._mask = mask
        self._route = route
        self._sent_as = OrderStatus.DRY_RUN if route is OrderRoute.DRY_RUN else OrderStatus.RECORDED

    @property
    def found(self) -> str:
        """What the opening found: a new file, a clean one, or one its last process did not close."""
        return self._database.found

    def record(self, report: StepReport) -> None:
        """Write a step down before anything of it is sent. Writing the same step twice changes nothing.

        The portfolio and the state follow the step, except one decided at a past moment (`cycle.as_of`): that
        one had an empty portfolio. A step only tightens the state: a halt written down meanwhile stands.

        Raises
        ------
        core.errors.InvariantError
            When the report holds what cannot be read again, such as NaN.
        """
        at = stamp(report.as_of)
        body = self._mask.json(encode_report(report))
        sends = bool(report.plan.approved) and report.cycle.submits
        settles = bool(report.fills or report.cash_movements or report.actions)
        must_survive = sends or settles or report.plan.state is not self._state
        with self._database.transaction(Survives.POWER_CUT if must_survive else Survives.KILL) as cursor:
            cursor.execute(_INSERT_STEP, (report.decision_id, report.cycle.name, at, body))
            if not cursor.rowcount:
                require_known(cursor, report)
                return
            if settles or report.plan.approved:
                cursor.execute(_INSERT_TRADING_STEP, (cursor.lastrowid,))
            self._write_orders(cursor, report, at)
            portfolio = None
            if report.cycle.as_of is None:
                reason = self._mask.text("; ".join(report.plan.alerts))
                portfolio = encode_portfolio(report.plan.portfolio)
                cursor.execute(_SET_PORTFOLIO, (at, portfolio, report.plan.state.value, reason))
            write_settlement(cursor, report)
            require_recorded(cursor, report, body, portfolio)
        if report.cycle.as_of is None:
            self._state = tighter(self._state, report.plan.state)

    def save_portfolio(self, portfolio: Portfolio) -> None:
        """Write down the portfolio as it stands between two steps; on the disk with the next forced write."""
        with self._database.transaction(Survives.KILL) as cursor:
            cursor.execute("UPDATE book SET portfolio = ?", (encode_portfolio(portfolio),))

    def record_resting(self, orders: Sequence[Order], at: datetime) -> None:
        """Write down orders that protect what is held before they are sent; one that is there stays as it is."""
        rows = [order_row(order, status=self._sent_as, route=self._route.value, at=stamp(at)) for order in orders]
        with self._database.transaction(Survives.POWER_CUT) as cursor:
            cursor.executemany(f"{_INSERT_ORDER} ON CONFLICT (client_order_id) DO NOTHING", rows)
            require_orders(cursor, orders)

    def mark_sending(self, approved: Sequence[ApprovedOrder]) -> None:
        """Write down that proposed orders are sent next, with the size and price they have now.

        Raises
        ------
        core.errors.InvariantError
            When one of them is not waiting as proposed; then none is changed.
        """
        with self._database.transaction(Survives.POWER_CUT) as cursor:
            for order in (approval.order for approval in approved):
                quantity, price = str(order.quantity), str(order.reference_price)
                cursor.execute(_MARK_SENDING, (self._sent_as.value, quantity, price, order.client_order_id))
                if not cursor.rowcount:
                    raise InvariantError(
                        f"The order {order.client_order_id} does not wait to be sent.",
                        hint="See its status: GET /orders.",
                    )
            require_sending(cursor, approved, self._sent_as)

    def update_status(self, statuses: Mapping[str, str], reasons: Mapping[str, str] | None = None) -> None:
        """Write down what became of orders, by client_order_id, with the broker's reasons if it gave any.

        A status never goes back: news that is overtaken changes nothing. Orders the ledger does not hold are
        left out; naming them is reconciliation's work.
        """
        if not statuses:
            return
        news = {name: _status(text) for name, text in statuses.items()}
        sends = OrderStatus.RECORDED in news.values()
        with self._database.transaction(Survives.POWER_CUT if sends else Survives.KILL) as cursor:
            advance(cursor, news, self._mask.value(reasons or {}))

    def cash_booked(self, movement_id: str) -> Sequence[Decimal]:
        """Return the amounts booked under a movement's id and its corrections', oldest first.

        A correction's id is ID#1, ID#2, ...; a cancellation that an earlier version booked is ID:canceled.
        """
        known = (
            "WITH asked(id) AS (SELECT ?) SELECT amount FROM cash_movements, asked "
            "WHERE movement_id = id OR movement_id = id || ':canceled' "
        )
        corrected = "OR (movement_id > id || '#' AND movement_id < id || '$') ORDER BY sequence"
        return [Decimal(amount) for (amount,) in self._database.read(known + corrected, (movement_id,))]

    def capital_given(self) -> Decimal | None:
        """Return what the engine began with and was paid in since, US dollars; None before the first step.

        What a person let it take over is beside it: shares, and cash that nothing explained.
        """
        first = self.journal(0, 1)
        if not first:
            return None
        report = decode_report(first[0][1])
        begun = report.plan.portfolio.cash - sum((fill.cash_change for fill in report.fills), ZERO)
        begun -= sum((movement.amount for movement in report.cash_movements), ZERO)
        flows = "SELECT amount FROM cash_movements WHERE kind IN ('deposit', 'withdrawal') "
        rows = self._database.read(f"{flows} AND movement_id NOT LIKE 'taken_over-%'")
        return begun + sum((Decimal(amount) for (amount,) in rows), ZERO)

    def start_flattening(self, at: datetime, state: TradingState | None = None, reason: str = "") -> None:
        """Write down that a person asked to sell everything, with the state where it changes.

        Asked again, the first moment stays.
        """
        with self._setting_state(state or self._state, reason or self.state_reason()) as cursor:
            cursor.execute(_START_FLATTENING, (stamp(at),))
        self._flattening_since = self._flattening_since or at

    def end_flattening(self, state: TradingState, reason: str) -> None:
        """Write down that everything is sold, or need not be any more, and the state."""
        with self._setting_state(state, reason) as cursor:
            cursor.execute("DELETE FROM flattening")
        self._flattening_since = None

    def set_state(self, state: TradingState, reason: str) -> None:
        """Write down a trading state that a person or the start-up set, and why."""
        with self._setting_state(state, reason):
            pass

    @contextmanager
    def _setting_state(self, state: TradingState, reason: str) -> Iterator[Cursor]:
        """Write a state together with what its caller writes: both, or neither."""
        with self._database.transaction(Survives.POWER_CUT) as cursor:
            cursor.execute(_SET_STATE, (state.value, self._mask.text(reason)))
            require_state(cursor, state)
            yield cursor
        self._state = state

    def dump(self) -> bytes:
        """Return all tables as canonical bytes: equal ledgers, equal bytes."""
        lines = []
        for table in TABLES:
            rows = self._database.read(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608  our own names
            lines += [
                msgspec.json.encode([table, *(c.decode() if isinstance(c, bytes) else c for c in row)])
                for row in rows
            ]
        return b"\n".join(lines)

    def close(self) -> None:
        """Close the file in order."""
        self._database.close()

    def _write_orders(self, cursor: Cursor, report: StepReport, at: str) -> None:
        if report.plan.approved:
            route, status = self._route.value, self._sent_as if report.cycle.submits else OrderStatus.PROPOSED
            rows = [order_row(a.order, status=status, route=route, at=at) for a in report.plan.approved]
            cursor.executemany(_INSERT_ORDER, rows)


def _status(text: str) -> OrderStatus:
    try:
        return OrderStatus(text)
    except ValueError as error:
        known = ", ".join(OrderStatus)
        raise InvariantError(f"{text!r} is no order status.", hint=f"Brokers answer one of {known}.") from error
