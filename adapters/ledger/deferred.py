"""The ledger of a run whose rows nobody may ever ask for: written when first read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from adapters.ledger.database import Database, SqlRow
from adapters.ledger.ledger import SqliteLedger
from adapters.ledger.schema import LEDGER
from config.environment import OrderRoute
from core.types import ApprovedOrder, CashMovement, CorporateAction, Fill, Portfolio, StepReport, TradingState


class _WrittenWhenRead(Database):
    """A database in memory that does what was put off before it answers."""

    def __init__(self) -> None:
        super().__init__(None, LEDGER)
        self.put_off: deque[Callable[[], None]] = deque()

    def read(self, sql: str, values: Sequence[object] = ()) -> list[SqlRow]:
        """Return the rows of a query, once all that was put off is written."""
        self.catch_up()
        return super().read(sql, values)

    def catch_up(self) -> None:
        """Write all that was put off."""
        while self.put_off:
            self.put_off.popleft()()


class DeferredLedger(SqliteLedger):
    """A `SqliteLedger` in memory, with the same rows, for backtests: most of their rows are never read.

    What an engine writes while it runs is kept as it is and becomes rows with the first question. A fault in
    it, such as NaN in a report, is raised then. One thread.
    """

    def __init__(self, *, route: OrderRoute) -> None:
        self._rows = _WrittenWhenRead()
        self._booked: set[str] = set()
        self._settled: set[str] = set()
        super().__init__(None, route=route, database=self._rows)

    def record(self, report: StepReport) -> None:
        """Keep a step."""
        self._booked.update([fill.fill_id for fill in report.fills])
        self._settled.update([movement.movement_id for movement in report.cash_movements])
        self._settled.update([action.action_id for action in report.actions])
        self._rows.put_off.append(lambda: super(DeferredLedger, self).record(report))

    def save_portfolio(self, portfolio: Portfolio) -> None:
        """Keep the portfolio as it stands between two steps."""
        self._rows.put_off.append(lambda: super(DeferredLedger, self).save_portfolio(portfolio))

    def mark_sending(self, approved: Sequence[ApprovedOrder]) -> None:
        """Write down, before the send, that proposed orders are sent now; see `SqliteLedger.mark_sending`."""
        self._rows.catch_up()
        super().mark_sending(approved)

    def update_status(self, statuses: Mapping[str, str], reasons: Mapping[str, str] | None = None) -> None:
        """Keep what became of orders."""
        if statuses:
            self._rows.put_off.append(lambda: super(DeferredLedger, self).update_status(statuses, reasons))

    def set_state(self, state: TradingState, reason: str) -> None:
        """Keep a trading state."""
        self._rows.put_off.append(lambda: super(DeferredLedger, self).set_state(state, reason))

    def new_fills(self, fills: Sequence[Fill]) -> tuple[Fill, ...]:
        """Return those fills that no step has booked yet, each once."""
        fresh = {fill.fill_id: fill for fill in fills}
        return tuple(fill for name, fill in fresh.items() if name not in self._booked)

    def new_cash_movements(self, movements: Sequence[CashMovement]) -> tuple[CashMovement, ...]:
        """Return those cash movements that no step has booked yet, each once."""
        fresh = {movement.movement_id: movement for movement in movements}
        return tuple(movement for name, movement in fresh.items() if name not in self._settled)

    def new_actions(self, actions: Sequence[CorporateAction]) -> tuple[CorporateAction, ...]:
        """Return those corporate actions that no step has booked yet, each once."""
        fresh = {action.action_id: action for action in actions}
        return tuple(action for name, action in fresh.items() if name not in self._settled)
