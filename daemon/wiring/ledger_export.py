"""The ledger as tables, whole, oldest first: for a spreadsheet or a tax form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from config.environment import OrderRoute, read_environment
from config.loader import load_trading
from core.errors import LedgerError
from core.form_8949 import form_8949
from core.service import LedgerQueries
from core.tax_lots import ALL_FILLS as ALL
from core.tax_lots import tracked_lots

Lines = Iterator[Iterable[object]]
Table = Callable[[LedgerQueries], Lines]
Newest = Callable[[LedgerQueries], Sequence[Any]]


def columns_of(newest: Newest, *columns: str) -> Table:
    """Return the table of what is asked of the ledger, newest first, with these attributes as columns."""

    def lines(ledger: LedgerQueries) -> Lines:
        line_of = attrgetter(*columns)
        yield columns
        for one in reversed(newest(ledger)):
            yield [getattr(value, "value", value) for value in line_of(one)]

    return lines


def sales_of_lots(ledger: LedgerQueries) -> Lines:
    """Yield the lines of Form 8949, every year's, by the lots that the settings choose."""
    yield from form_8949(tracked_lots(ledger.fills(ALL), load_trading().taxes.pick_lots).sales)


TABLES: Mapping[str, Table] = {
    "trades": columns_of(
        lambda ledger: ledger.trades(ALL),
        "symbol", "quantity", "entry_at", "entry_price", "exit_at", "exit_price", "cost_usd", "proceeds_usd",
        "dividends_usd", "profit_usd", "profit_pct", "exit_rule",
    ),
    "fills": columns_of(
        lambda ledger: ledger.fills(ALL),
        "fill_id", "client_order_id", "symbol", "side", "quantity", "price", "fee", "at",
    ),
    "orders": columns_of(
        lambda ledger: ledger.orders(ALL),
        "client_order_id", "decision_id", "symbol", "side", "quantity", "reference_price", "rule", "status",
        "route", "created_at", "updated_at", "reason",
    ),
    "cash": columns_of(
        lambda ledger: ledger.cash_movements(ALL),
        "movement_id", "kind", "symbol", "amount", "at", "note",
    ),
    "form8949": sales_of_lots,
}  # fmt: skip
"""By name."""


def ledger_table(name: str, variables: Mapping[str, str]) -> Lines:
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
    ledger = SqliteLedger(path, route=OrderRoute.DRY_RUN)
    try:
        yield from TABLES[name](ledger)
    finally:
        ledger.close()
