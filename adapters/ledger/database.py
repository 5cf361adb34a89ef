"""SQLite, opened with checks: one writer, readers beside it. The only home of sqlite3."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from adapters.ledger.own_file import OwnFile
from adapters.ledger.own_schema import require_own_schema
from core.errors import LedgerError
from core.plain_words import plain_reason

SqlRow = tuple[Any, ...]
Cursor = sqlite3.Cursor
BUSY_SECONDS = 10.0
PAGE_CACHE_KIB = 256  # SQLite's own 2 MiB a connection fill up over weeks, and a daemon has some forty of them
CHECKED_WHOLE_BYTES_MAX = 128 * 2**20  # about a quarter of a second


class Survives(StrEnum):
    """What a commit outlives; the value is SQLite's `synchronous` in WAL mode.

    A killed process loses neither; a power cut may lose the last `KILL` commits, never a `POWER_CUT` one
    (https://sqlite.org/wal.html, "Durability").
    """

    KILL = "NORMAL"
    POWER_CUT = "FULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a file must be.

    Attributes
    ----------
    name : str
        What the file is called in messages.
    application_id : int
        Written into the file's header: a foreign database is refused.
    migrations : tuple of tuple of str
        Statements of each version; version k is what the first k groups make.
    append_only : str
        A table that only grows. Once the file is large the opening checks only the others, so that a restart
        stays short; damage in it shows when its rows are read. Empty for none.
    kept_in_memory : bool
        Whether the process holds what the file says: then nobody else may change it meanwhile.
    """

    name: str
    application_id: int
    migrations: tuple[tuple[str, ...], ...]
    append_only: str = ""
    kept_in_memory: bool = False


class Database:
    """One SQLite file in WAL mode with one writing connection and one read-only connection.

    Transactions are short and come one after the other, whichever threads they come from (a halt does not wait
    for the engine's); `read` may be called from any thread.

    Parameters
    ----------
    path : Path or None
        The file, created when there is none; None for a database in memory, gone with the object.

    Attributes
    ----------
    found : str
        What the opening found: a new file, a clean one, or one that its last process did not close.

    Raises
    ------
    core.errors.LedgerError
        When the file is damaged, foreign, newer than this code or cannot be written. Nothing is ever
        created over it.
    """

    def __init__(self, path: Path | None, schema: Schema) -> None:
        self._schema = schema
        self._path = path
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._level = Survives.KILL
        with self._translated("open"):
            self.found = "in memory" if path is None else _prepare(path, schema)
            self._writer = self._reader = _connect(":memory:" if path is None else str(path))
            try:
                if path is not None:
                    _verify(self._writer, schema)
                _migrate(self._writer, schema)
                if path is not None:
                    self._reader = _connect(f"{path.resolve().as_uri()}?mode=ro")
                self._schema_version = _pragma(self._writer, "schema_version")
                self._file = OwnFile(path, self._writer, schema.name) if path is not None else None
            except BaseException:
                _close(self._reader, self._writer)
                raise
            # one that nobody closed is closed when it is forgotten: Python 3.13 warns of it
            weakref.finalize(self, _close, self._reader, self._writer).atexit = False

    @contextmanager
    def transaction(self, survives: Survives) -> Iterator[Cursor]:
        """Return a cursor whose statements are written together or not at all."""
        with self._translated("write"), self._writing, self._without_readers():
            if survives is not self._level and self._path is not None:
                self._writer.execute(f"PRAGMA synchronous = {survives.value}")
                self._level = survives
            cursor = self._writer.execute("BEGIN IMMEDIATE")
            try:
                self._require_own()
                yield cursor
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[SqlRow]:
        """Return the rows of a query over what is committed."""
        with self._translated("read"), self._lock:
            return self._reader.execute(sql, values).fetchall()

    def close(self) -> None:
        """Close both connections; the write-ahead log is folded into the file."""
        with self._lock:
            _close(self._reader, self._writer)

    def _require_own(self) -> None:
        """Refuse to write where it would be lost, or through a trigger or view that was put in meanwhile."""
        if self._file is None:
            return
        self._file.require_in_place()
        version = _pragma(self._writer, "schema_version")
        if version != self._schema_version:
            require_own_schema(self._writer, self._schema.name, self._schema.migrations)
            self._schema_version = version
        if self._schema.kept_in_memory:
            self._file.require_as_left()

    @contextmanager
    def _without_readers(self) -> Iterator[None]:
        """Keep readers out of the writer's transaction where both share a connection (in memory)."""
        if self._path is None:
            with self._lock:
                yield
        else:
            yield

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"The {self._schema.name} at {self._path} could not be {_PAST[verb]}: {plain_reason(error)}.",
                hint=_HINT_DAMAGED if _is_damage(error) else _HINT_DISK,
            ) from error


_PAST = {"open": "opened", "read": "read", "write": "written"}
_HINT_DAMAGED = (
    "Nothing was changed or created over it. Move the file away together with its -wal and -shm files "
    "(do not delete them), put a backup in its place or `sqlite3 FILE .recover` it, and start again."
)
_HINT_DISK = "See that the disk has room and the file may be written, then start again."


def _is_damage(error: Exception) -> bool:
    return isinstance(error, sqlite3.DatabaseError) and not isinstance(
        error, sqlite3.OperationalError | sqlite3.IntegrityError | sqlite3.ProgrammingError
    )


def _close(*connections: sqlite3.Connection) -> None:
    for connection in connections:
        connection.close()


def _connect(target: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        target,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        uri=target.startswith("file:"),
    )
    try:
        connection.execute(f"PRAGMA cache_size = -{PAGE_CACHE_KIB}")
    except BaseException:  # it reads the header: a damaged file fails here
        connection.close()
        raise
    return connection


def _prepare(path: Path, schema: Schema) -> str:
    """Make the file when there is none, and say what was found."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        _require_regular(path.with_name(path.name + suffix), schema)
    log = path.with_name(f"{path.name}-wal")
    left_over = log.stat().st_size if log.exists() else 0
    if not path.exists():
        if left_over:
            raise LedgerError(
                f"The {schema.name} {path} is gone but its write-ahead log {log.name} is still there.",
                hint="Put the file back beside its log, or move the log away to begin a new one.",
            )
        _create(path, schema)
        return "new"
    if not path.stat().st_size:
        raise LedgerError(f"The {schema.name} {path} is an empty file: it was cut off.", hint=_HINT_DAMAGED)
    if left_over:
        return (
            f"the last process did not close the {schema.name}: {left_over} bytes of its write-ahead log were "
            "taken over; whatever was committed is there, an unfinished write never was"
        )
    return "closed in order"


def _require_regular(path: Path, schema: Schema) -> None:
    """Refuse what is no regular file: a FIFO would be waited for without end."""
    if os.path.lexists(path) and not path.is_file():
        raise LedgerError(f"The {schema.name} {path} is no regular file.", hint=_HINT_DAMAGED)


def _create(path: Path, schema: Schema) -> None:
    """Make the file under another name first: a file under its own name is always whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.new")
    for suffix in ("", "-wal", "-shm"):
        draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    connection = _connect(str(draft))
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {schema.application_id}")
        _migrate(connection, schema)
    finally:
        connection.close()
    draft.replace(path)
    with suppress(OSError):  # Windows cannot open a folder; there the rename is durable by itself
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _verify(connection: sqlite3.Connection, schema: Schema) -> None:
    """Refuse a foreign, newer or damaged file before anything is written to it."""
    version = _pragma(connection, "user_version")
    if _pragma(connection, "application_id") != schema.application_id:
        raise LedgerError(f"The file is an SQLite database but not a {schema.name}.", hint=_HINT_DAMAGED)
    if version > len(schema.migrations):
        raise LedgerError(
            f"The {schema.name} has version {version}; this code knows {len(schema.migrations)} at most.",
            hint="Start the newer release that wrote it.",
        )
    require_own_schema(connection, schema.name, schema.migrations[:version])
    faults = _faults(connection, schema)
    if faults:
        raise LedgerError(f"The {schema.name} is damaged: {'; '.join(faults[:5])}.", hint=_HINT_DAMAGED)


def _faults(connection: sqlite3.Connection, schema: Schema) -> list[str]:
    large = _pragma(connection, "page_count") * _pragma(connection, "page_size") > CHECKED_WHOLE_BYTES_MAX
    left_out = schema.append_only if large else ""
    names = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return [fault for name in names if name != left_out for fault in _quick_check(connection, name)]


def _quick_check(connection: sqlite3.Connection, table: str) -> list[str]:
    answers = connection.execute(f"PRAGMA quick_check('{table}')").fetchall()
    return [str(fault) for (fault,) in answers if fault != "ok"]


def _migrate(connection: sqlite3.Connection, schema: Schema) -> None:
    for version in range(_pragma(connection, "user_version"), len(schema.migrations)):
        connection.execute("BEGIN IMMEDIATE")
        for statement in schema.migrations[version]:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {version + 1}")
        connection.execute("COMMIT")
    connection.execute("PRAGMA synchronous = NORMAL")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
