"""The ledger as tables, whole, oldest first: for a spreadsheet or a tax form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from config.environment import OrderRoute, read_environment
from core.errors import LedgerError
from core.service import LedgerQueries

ALL = 2**31 - 1
Newest = Callable[[LedgerQueries], Sequence[Any]]
TABLES: Mapping[str, tuple[Newest, tuple[str, ...]]] = {
    "trades": (
        lambda ledger: ledger.trades(ALL),
        (
            "symbol", "quantity", "entry_at", "entry_price", "exit_at", "exit_price", "cost_usd", "proceeds_usd",
            "dividends_usd", "profit_usd", "profit_pct", "exit_rule",
        ),
    ),
    "fills": (
        lambda ledger: ledger.fills(ALL),
        ("fill_id", "client_order_id", "symbol", "side", "quantity", "price", "fee", "at"),
    ),
    "orders": (
        lambda ledger: ledger.orders(ALL),
        (
            "client_order_id", "decision_id", "symbol", "side", "quantity", "reference_price", "rule", "status",
            "route", "created_at", "updated_at", "reason",
        ),
    ),
    "cash": (
        lambda ledger: ledger.cash_movements(ALL),
        ("movement_id", "kind", "symbol", "amount", "at", "note"),
    ),
}  # fmt: skip
"""By name: what is asked of the ledger, newest first, and which columns are written."""


def ledger_table(name: str, variables: Mapping[str, str]) -> Iterator[Iterable[object]]:
    """Yield a table's header and lines; the daemon may run.

    Raises
    ------
    LedgerError
        When there is no ledger, or it cannot be read.
    """
    from adapters.ledger import SqliteLedger  # noqa: PLC0415  # brings sqlite

    path = read_environment(variables).state_dir / "ledger.sqlite"
    if not path.is_file():
        raise LedgerError(f"There is no ledger at {path}.", hint="Set STATE_DIR to the daemon's.")
    newest, columns = TABLES[name]
    ledger = SqliteLedger(path, route=OrderRoute.DRY_RUN)
    try:
        line_of = attrgetter(*columns)
        yield columns
        for one in reversed(newest(ledger)):
            yield [getattr(value, "value", value) for value in line_of(one)]
    finally:
        ledger.close()
