"""Whether a database's file is still the one that was opened, and as we left it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from core.errors import LedgerError


class OwnFile:
    """Watches over an open file.

    Parameters
    ----------
    connection : sqlite3.Connection
        The one that writes: what others write shows in its `data_version`.
    name : str
        What the file is called in messages.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, name: str) -> None:
        self._path = path
        self._connection = connection
        self._name = name
        self._opened = _identity(path)
        self._version = self._data_version()

    def require_in_place(self) -> None:
        """Refuse to write to a file that is no longer at its path: it is gone with the process."""
        if _identity(self._path) != self._opened:
            raise LedgerError(
                f"The {self._name} {self._path} was replaced or taken away while the engine ran: what it writes "
                "now would be lost.",
                hint="Nothing is sent any more. Stop the daemon, put the right file in place, and start again.",
            )

    def require_as_left(self) -> None:
        """Refuse to write over what another program wrote."""
        if self._data_version() != self._version:
            raise LedgerError(
                f"The {self._name} {self._path} was changed by another program while the engine ran.",
                hint="Nothing is sent any more. Start again: the start compares it with the ledger.",
            )

    def _data_version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
