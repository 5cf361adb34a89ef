"""Whether a database file has the tables and indices that the engine made, and nothing beside them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache

from core.errors import LedgerError

Objects = Mapping[tuple[str, str], str]
_OBJECTS = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
HINT = (
    "The file was changed by other means. Take out what was put in (sqlite3 FILE 'DROP TRIGGER NAME'), or put a "
    "backup in its place, and start again."
)


def require_own_schema(connection: sqlite3.Connection, name: str, migrations: Sequence[tuple[str, ...]]) -> None:
    """Refuse a file with a trigger, view, table or index that is not ours, or without one that is.

    A trigger can drop or change what is written, so that what was recorded is not what was sent.

    Parameters
    ----------
    name : str
        What the file is called in messages.
    migrations : sequence of tuple of str
        The statements that made it.

    Raises
    ------
    core.errors.LedgerError
        Naming the first that differs.
    """
    expected, found = _made_by(tuple(migrations)), _objects(connection)
    for key in sorted({*expected, *found}):
        if expected.get(key) == found.get(key):
            continue
        what = "lacks" if key not in found else "has" if key not in expected else "has a changed"
        raise LedgerError(
            f"The {name} {what} {' '.join(key)}{'' if key in expected else ', which the engine did not make'}.",
            hint=HINT,
        )


@lru_cache(maxsize=32)
def _made_by(migrations: tuple[tuple[str, ...], ...]) -> Objects:
    connection = sqlite3.connect(":memory:")
    try:
        for statements in migrations:
            for statement in statements:
                connection.execute(statement)
        return _objects(connection)
    finally:
        connection.close()


def _objects(connection: sqlite3.Connection) -> Objects:
    return {(kind, name): " ".join(sql.split()) for kind, name, sql in connection.execute(_OBJECTS)}
