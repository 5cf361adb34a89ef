"""The ledger's tables. Money and quantities are decimal strings, times ISO 8601 in UTC."""

from __future__ import annotations

from adapters.ledger.database import Schema

LEDGER = Schema(
    name="ledger",
    application_id=0x54454C31,
    append_only="steps",  # most of the file: reading it all would hold up a restart by seconds a gigabyte
    migrations=(
        (
            """
            CREATE TABLE steps (
                sequence INTEGER PRIMARY KEY,
                decision_id TEXT NOT NULL UNIQUE,
                cycle TEXT NOT NULL,
                as_of TEXT NOT NULL,
                report BLOB NOT NULL
            ) STRICT
            """,
            """
            CREATE TABLE orders (
                sequence INTEGER PRIMARY KEY,
                client_order_id TEXT NOT NULL UNIQUE,
                decision_id TEXT NOT NULL,
                symbol TEXT NOT NULL,
                side TEXT NOT NULL,
                quantity TEXT NOT NULL,
                reference_price TEXT NOT NULL,
                rule TEXT NOT NULL,
                status TEXT NOT NULL,
                reason TEXT NOT NULL,
                route TEXT NOT NULL,
                created_at TEXT NOT NULL,
                updated_at TEXT NOT NULL
            ) STRICT
            """,
            "CREATE INDEX orders_by_decision ON orders (decision_id)",
            """
            CREATE INDEX orders_unfinished ON orders (status)
            WHERE status IN ('recorded', 'submitted', 'partially_filled')
            """,
            """
            CREATE TABLE fills (
                sequence INTEGER PRIMARY KEY,
                fill_id TEXT NOT NULL UNIQUE,
                client_order_id TEXT NOT NULL,
                symbol TEXT NOT NULL,
                side TEXT NOT NULL,
                quantity TEXT NOT NULL,
                price TEXT NOT NULL,
                fee TEXT NOT NULL,
                at TEXT NOT NULL,
                rule TEXT NOT NULL
            ) STRICT
            """,
            "CREATE INDEX fills_by_order ON fills (client_order_id)",
            """
            CREATE TABLE book (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                as_of TEXT NOT NULL,
                portfolio BLOB,
                trading_state TEXT NOT NULL,
                state_reason TEXT NOT NULL
            ) STRICT
            """,
        ),
        (  # which steps approved or filled something: what recall reads of years, without the rest
            "CREATE TABLE trading_steps (sequence INTEGER PRIMARY KEY) STRICT",
            """
            INSERT INTO trading_steps SELECT sequence FROM steps
            WHERE instr(report, CAST('"fills":[{' AS BLOB)) OR instr(report, CAST('"approved":[{' AS BLOB))
            """,
        ),
        (
            """
            CREATE TABLE cash_movements (
                sequence INTEGER PRIMARY KEY,
                movement_id TEXT NOT NULL UNIQUE,
                kind TEXT NOT NULL,
                symbol TEXT,
                amount TEXT NOT NULL,
                at TEXT NOT NULL,
                note TEXT NOT NULL
            ) STRICT
            """,
            """
            CREATE TABLE corporate_actions (
                sequence INTEGER PRIMARY KEY,
                action_id TEXT NOT NULL UNIQUE,
                symbol TEXT NOT NULL,
                kind TEXT NOT NULL,
                ex_date TEXT NOT NULL,
                ratio TEXT NOT NULL,
                cash_per_share TEXT NOT NULL,
                close_before TEXT NOT NULL,
                new_symbol TEXT NOT NULL,
                source TEXT NOT NULL
            ) STRICT
            """,
        ),
        (
            """
            CREATE TABLE flattening (
                id INTEGER PRIMARY KEY CHECK (id = 1),
                since TEXT NOT NULL
            ) STRICT
            """,
        ),
    ),
)
TABLES = ("steps", "orders", "fills", "book", "cash_movements", "corporate_actions", "flattening")
