"""The paper broker's store: its account and orders in an SQLite file, or in memory for a backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import msgspec

from adapters.ledger.database import Database, Schema, Survives
from adapters.ledger.kept_records import RecordDecoder
from adapters.paper.account import PaperAccount
from core.types import CashMovement, CorporateAction, Fill, Order, OrderStatus, Settlement

PAPER = Schema(
    name="paper broker's account",
    application_id=0x54455031,
    kept_in_memory=True,
    migrations=(
        (
            """
            CREATE TABLE orders (
                sequence INTEGER PRIMARY KEY,
                client_order_id TEXT NOT NULL UNIQUE,
                status TEXT NOT NULL,
                record BLOB NOT NULL
            ) STRICT
            """,
            "CREATE INDEX orders_open ON orders (sequence) WHERE status = 'submitted'",
            """
            CREATE TABLE fills (
                sequence INTEGER PRIMARY KEY,
                fill_id TEXT NOT NULL UNIQUE,
                acknowledged INTEGER NOT NULL,
                fill BLOB NOT NULL
            ) STRICT
            """,
            "CREATE INDEX fills_waiting ON fills (sequence) WHERE acknowledged = 0",
            "CREATE TABLE book (id INTEGER PRIMARY KEY CHECK (id = 1), book BLOB NOT NULL) STRICT",
        ),
        (
            """
            CREATE TABLE movements (
                sequence INTEGER PRIMARY KEY,
                movement_id TEXT NOT NULL UNIQUE,
                acknowledged INTEGER NOT NULL,
                movement BLOB NOT NULL
            ) STRICT
            """,
            """
            CREATE TABLE actions (
                sequence INTEGER PRIMARY KEY,
                action_id TEXT NOT NULL UNIQUE,
                acknowledged INTEGER NOT NULL,
                action BLOB NOT NULL
            ) STRICT
            """,
        ),
    ),
)


class PaperOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the paper broker keeps it.

    Attributes
    ----------
    submitted_at : datetime
        Only what happened later may fill it.
    session_from : date
        The first session whose bar may fill it; for a resting order, the first not looked at yet.
    """

    order: Order
    submitted_at: datetime
    session_from: date
    status: OrderStatus = OrderStatus.SUBMITTED
    reason: str = ""


@dataclass(slots=True)
class Changes:
    """What one call changed, to be written at once.

    Attributes
    ----------
    account : bool
        Whether the account changed though nothing was filled or paid.
    """

    orders: dict[str, PaperOrder] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    movements: list[CashMovement] = field(default_factory=list)
    actions: list[CorporateAction] = field(default_factory=list)
    account: bool = False

    def __bool__(self) -> bool:
        """Tell whether there is anything to write."""
        return bool(self.orders or self.fills or self.movements or self.actions or self.account)

    @property
    def settlement(self) -> Settlement:
        """What the engine is to be told of it."""
        return Settlement(
            fills=tuple(self.fills), cash_movements=tuple(self.movements), actions=tuple(self.actions)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a start finds: the account, the open orders, and what the engine has not acknowledged."""

    account: PaperAccount | None
    open_orders: Mapping[str, PaperOrder]
    waiting: Settlement


class PaperStore(Protocol):
    """Keeps the paper broker's account, orders, fills and payments."""

    def load(self) -> Saved:
        """Give what was saved."""
        ...

    def find(self, client_order_id: str) -> PaperOrder | None:
        """Give an order by its id; None when it was never taken."""
        ...

    def save(self, changes: Changes, account: PaperAccount) -> None:
        """Write what changed and the account together."""
        ...

    def acknowledge(self, ids: Sequence[str]) -> None:
        """Write down that the engine has these fills, movements and actions."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class InMemoryPaperStore:
    """Keeps orders for idempotence and nothing else (backtests)."""

    def __init__(self) -> None:
        self._orders: dict[str, PaperOrder] = {}

    def load(self) -> Saved:
        """Start empty."""
        return Saved(account=None, open_orders={}, waiting=Settlement())

    def find(self, client_order_id: str) -> PaperOrder | None:
        """Give an order that was taken."""
        return self._orders.get(client_order_id)

    def save(self, changes: Changes, account: PaperAccount) -> None:  # noqa: ARG002  the account lives in the broker
        """Keep the orders."""
        self._orders.update(changes.orders)

    def acknowledge(self, ids: Sequence[str]) -> None:
        """Nothing is kept, so nothing is to be written."""

    def close(self) -> None:
        """Nothing is open."""


class SqlitePaperStore:
    """Keeps everything in an SQLite file, forced to the disk at each change.

    Raises
    ------
    core.errors.LedgerError
        When the file is damaged, foreign or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, PAPER)

    def load(self) -> Saved:
        """Read the account, the open orders and what is not acknowledged."""
        accounts = self._database.read("SELECT book FROM book")
        orders = self._database.read("SELECT record FROM orders WHERE status = 'submitted' ORDER BY sequence")
        fills = self._database.read("SELECT fill FROM fills WHERE acknowledged = 0 ORDER BY sequence")
        movements = self._database.read("SELECT movement FROM movements WHERE acknowledged = 0 ORDER BY sequence")
        actions = self._database.read("SELECT action FROM actions WHERE acknowledged = 0 ORDER BY sequence")
        records = [_orders.decode(row[0]) for row in orders]
        return Saved(
            account=_accounts.decode(accounts[0][0]) if accounts else None,
            open_orders={record.order.client_order_id: record for record in records},
            waiting=Settlement(
                fills=tuple(_fills.decode(row[0]) for row in fills),
                cash_movements=tuple(_movements.decode(row[0]) for row in movements),
                actions=tuple(_actions.decode(row[0]) for row in actions),
            ),
        )

    def find(self, client_order_id: str) -> PaperOrder | None:
        """Look an order up."""
        rows = self._database.read("SELECT record FROM orders WHERE client_order_id = ?", (client_order_id,))
        return _orders.decode(rows[0][0]) if rows else None

    def save(self, changes: Changes, account: PaperAccount) -> None:
        """Write what changed and the account in one transaction."""
        encode = msgspec.json.encode
        with self._database.transaction(Survives.POWER_CUT) as cursor:
            cursor.executemany(
                "INSERT INTO orders (client_order_id, status, record) VALUES (?, ?, ?) ON CONFLICT "
                "(client_order_id) DO UPDATE SET status = excluded.status, record = excluded.record",
                [(name, kept.status.value, encode(kept)) for name, kept in changes.orders.items()],
            )
            cursor.executemany(
                "INSERT INTO fills (fill_id, acknowledged, fill) VALUES (?, 0, ?)",
                [(fill.fill_id, encode(fill)) for fill in changes.fills],
            )
            cursor.executemany(
                "INSERT INTO movements (movement_id, acknowledged, movement) VALUES (?, 0, ?)",
                [(movement.movement_id, encode(movement)) for movement in changes.movements],
            )
            cursor.executemany(
                "INSERT INTO actions (action_id, acknowledged, action) VALUES (?, 0, ?)",
                [(action.action_id, encode(action)) for action in changes.actions],
            )
            cursor.execute("INSERT OR REPLACE INTO book (id, book) VALUES (1, ?)", (encode(account),))

    def acknowledge(self, ids: Sequence[str]) -> None:
        """Write down that the engine has these fills, movements and actions."""
        with self._database.transaction(Survives.KILL) as cursor:
            names = [(name,) for name in ids]
            cursor.executemany("UPDATE fills SET acknowledged = 1 WHERE fill_id = ?", names)
            cursor.executemany("UPDATE movements SET acknowledged = 1 WHERE movement_id = ?", names)
            cursor.executemany("UPDATE actions SET acknowledged = 1 WHERE action_id = ?", names)

    def close(self) -> None:
        """Close the file in order."""
        self._database.close()


def _account_fault(account: PaperAccount) -> str:
    if account.cash < 0:
        return f"cash is {account.cash}"
    wrong = (name for name, held in account.holdings.items() if held.quantity <= 0 or held.cost < 0)
    return next((f"the holding of {name} is none" for name in wrong), "")


FILE = "paper_broker.sqlite"
_orders = RecordDecoder(PaperOrder, f"An order of the paper broker in {FILE}")
_accounts = RecordDecoder(PaperAccount, f"The paper broker's account in {FILE}", _account_fault)
_fills = RecordDecoder(Fill, f"A fill of the paper broker in {FILE}")
_movements = RecordDecoder(CashMovement, f"A cash movement of the paper broker in {FILE}")
_actions = RecordDecoder(CorporateAction, f"A corporate action of the paper broker in {FILE}")
