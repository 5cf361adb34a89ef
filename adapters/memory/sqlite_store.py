"""The graph in a SQLite file: for a machine without Neo4j, the same things under the same names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from adapters.ledger.database import Cursor, Database, Schema, Survives
from adapters.ledger.kept_records import reading
from adapters.ledger.rows import stamp
from adapters.memory.records import Page, as_properties, name_of
from adapters.memory.store import OutOfStep, foreign, lost_things
from core.errors import LedgerError, RecallError
from core.memory import Fact

GRAPH_SCHEMA = Schema(
    name="memory",
    application_id=0x54454D31,
    migrations=(
        (
            """
            CREATE TABLE mark (
                id INTEGER PRIMARY KEY CHECK (id = 1), ledger TEXT NOT NULL, sequence INTEGER NOT NULL
            ) STRICT
            """,
            """
            CREATE TABLE entities (
                uuid TEXT PRIMARY KEY, label TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL
            ) STRICT
            """,
            "CREATE TABLE episodes (uuid TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT",
            """
            CREATE TABLE relations (
                uuid TEXT PRIMARY KEY, source TEXT NOT NULL, target TEXT NOT NULL, valid_at TEXT NOT NULL,
                invalid_at TEXT, body TEXT NOT NULL
            ) STRICT
            """,
            "CREATE INDEX relations_by_source ON relations (source, valid_at)",
            "CREATE INDEX relations_by_target ON relations (target, valid_at)",
            """
            CREATE TABLE mentions (
                uuid TEXT PRIMARY KEY, episode TEXT NOT NULL, entity TEXT NOT NULL, body TEXT NOT NULL
            ) STRICT
            """,
        ),
    ),
)
TABLES = ("entities", "episodes", "relations", "mentions")
_FACTS = """
    SELECT r.uuid, r.body, a.name, b.name, r.valid_at, r.invalid_at
    FROM (
        SELECT * FROM relations WHERE source = ? UNION ALL SELECT * FROM relations WHERE target = ?
    ) r JOIN entities a ON a.uuid = r.source JOIN entities b ON b.uuid = r.target
    ORDER BY r.valid_at DESC, r.uuid LIMIT ?
"""


class SqliteGraphStore:
    """The graph in one file. Implements `adapters.memory.store.GraphStore`.

    Parameters
    ----------
    path : Path or None
        The file, made when there is none; None for one in memory.
    """

    name = "sqlite"

    def __init__(self, path: Path | None) -> None:
        self.place = str(path or "memory")
        self._path = path
        self._file: Database | None = None

    async def open(self, ledger: str) -> int:
        """Open the file; return the place."""
        with _translated():
            with self._opened.transaction(Survives.KILL) as cursor:
                cursor.execute("INSERT INTO mark VALUES (1, ?, 0) ON CONFLICT DO NOTHING", (ledger,))
            found, sequence = self._opened.read("SELECT ledger, sequence FROM mark")[0]
        if found != ledger:
            raise foreign(self.place, found)
        return int(sequence)

    async def write(self, page: Page, after: int) -> None:
        """Write a page and move the place, in one transaction."""
        with _translated(), self._opened.transaction(Survives.KILL) as cursor:
            cursor.execute("UPDATE mark SET sequence = ? WHERE sequence = ?", (page.until, after))
            if not cursor.rowcount:
                raise OutOfStep(self.place)
            _write(cursor, page)
            for closing in page.closings.values():
                cursor.execute(
                    "UPDATE relations SET invalid_at = ? WHERE uuid = ?",
                    (stamp(closing.invalid_at), closing.relation),
                )
                if not cursor.rowcount:
                    raise lost_things(self.place)

    async def place_in_ledger(self) -> int:
        """Return the place."""
        with _translated():
            rows = self._opened.read("SELECT sequence FROM mark")
        return int(rows[0][0]) if rows else -1

    async def facts(self, symbol: str, limit: int) -> tuple[Fact, ...]:
        """Return what is known of a ticker, newest first."""
        ticker = name_of("Ticker", symbol)
        with _translated():
            rows = self._opened.read(_FACTS, (ticker, ticker, limit))
            with reading(f"A fact of {self.place}"):
                return tuple(_fact(*row) for row in rows)

    async def wipe(self) -> None:
        """Empty the tables: the file is ours alone."""
        with _translated(), self._opened.transaction(Survives.KILL) as cursor:
            for table in (*TABLES, "mark"):
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608  # our own names

    async def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def _opened(self) -> Database:
        if self._file is None:
            self._file = Database(self._path, GRAPH_SCHEMA)
        return self._file


def _write(cursor: Cursor, page: Page) -> None:
    """Write what is not there yet."""
    tables: dict[str, list[tuple[str | None, ...]]] = {
        "entities": [(e.uuid, e.label, e.name, _json(as_properties(e))) for e in page.entities.values()],
        "episodes": [(e.uuid, _json(as_properties(e))) for e in page.episodes.values()],
        "relations": [
            (r.uuid, r.source, r.target, stamp(r.valid_at), None, _json(as_properties(r)))
            for r in page.relations.values()
        ],
        "mentions": [(m.uuid, m.episode, m.entity, _json(as_properties(m))) for m in page.mentions.values()],
    }
    for table, rows in tables.items():
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            cursor.executemany(f"INSERT INTO {table} VALUES ({marks}) ON CONFLICT DO NOTHING", rows)  # noqa: S608  our own names


def _json(properties: dict[str, Any]) -> str:
    return msgspec.json.encode(properties).decode()


def _fact(uuid: str, body: str, source: str, target: str, valid_at: str, invalid_at: str | None) -> Fact:
    properties = msgspec.json.decode(body)
    return Fact(
        uuid=uuid, name=properties["name"], fact=properties["fact"], source=source, target=target,
        valid_at=datetime.fromisoformat(valid_at),
        invalid_at=datetime.fromisoformat(invalid_at) if invalid_at else None,
        episodes=tuple(properties["episodes"]),
    )  # fmt: skip


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except LedgerError as error:
        raise RecallError(error.message, hint=error.hint) from error
