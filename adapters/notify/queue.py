"""The queue of notifications: one SQLite file that outlives the process, read and written by any thread."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.ledger.database import Cursor, Database, Schema, SqlRow, Survives
from core.notifications import Notification, NotificationLevel

KEPT = timedelta(days=7)
QUEUE = Schema(
    name="notification queue",
    application_id=0x54454E31,
    migrations=(
        (
            """
            CREATE TABLE notifications (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT,
                key TEXT NOT NULL UNIQUE,
                at TEXT NOT NULL,
                level INTEGER NOT NULL,
                subject TEXT NOT NULL,
                text TEXT NOT NULL,
                cause TEXT NOT NULL,
                cause_key TEXT NOT NULL,
                repeats INTEGER
            ) STRICT
            """,
            "CREATE INDEX notifications_by_cause ON notifications (cause_key)",
            """
            CREATE TABLE deliveries (
                sequence INTEGER NOT NULL,
                target TEXT NOT NULL,
                PRIMARY KEY (sequence, target)
            ) STRICT, WITHOUT ROWID
            """,
            "CREATE TABLE targets (target TEXT PRIMARY KEY, since INTEGER NOT NULL) STRICT",
            "CREATE TABLE place (id INTEGER PRIMARY KEY CHECK (id = 1), decision_id TEXT NOT NULL) STRICT",
        ),
    ),
)
NOT_SORTED = "repeats IS NULL"
_PENDING = """
    SELECT n.sequence, n.key, n.at, n.level, n.subject, n.text, n.cause, n.repeats
    FROM notifications n JOIN targets t ON t.target = ?
    WHERE n.sequence > t.since AND n.repeats >= 0 AND n.level >= ?
    AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.sequence = n.sequence AND d.target = t.target)
    ORDER BY n.sequence LIMIT ?
"""
_WAITING = """
    SELECT count(*) FROM notifications n JOIN targets t ON t.target = ?
    WHERE n.sequence > t.since AND coalesce(n.repeats, 0) >= 0
    AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.sequence = n.sequence AND d.target = t.target)
"""
_INSERT = """
    INSERT OR IGNORE INTO notifications (key, at, level, subject, text, cause, cause_key)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedNotification:
    """A notification that waits for a receiver.

    Attributes
    ----------
    repeats : int
        How often its cause came since it was last told, and was not told.
    """

    sequence: int
    notification: Notification
    repeats: int


class NotificationQueue:
    """Keeps each notification until every receiver has it; a killed process loses none.

    A row's `repeats` says what became of it: NULL before `sort`, -1 where the same cause was told a short
    while ago, else how many such rows it stands for.

    Parameters
    ----------
    path : Path or None
        The file; None for one in memory.
    messages_max : int
        How many are kept; beyond it the oldest of the least urgent go.

    Attributes
    ----------
    dropped : int
        How many went unsent since the start.

    Raises
    ------
    core.errors.LedgerError
        When the file cannot be used; every method raises it when reading or writing fails.
    """

    def __init__(self, path: Path | None, messages_max: int) -> None:
        self._database = Database(path, QUEUE)
        self._messages_max = messages_max
        self._lock = threading.Lock()  # one writer at a time, for microseconds: no commit here waits for the disk
        self.dropped = 0

    def put(self, notifications: Sequence[Notification], place: str = "") -> None:
        """Keep notifications; one with a known key changes nothing.

        Parameters
        ----------
        place : str
            The recorded step of which everything is kept now; empty when there is none.
        """
        with self._lock, self._database.transaction(Survives.KILL) as cursor:
            rows = [
                (n.key, _stamp(n.at), int(n.level), n.subject, n.text, n.cause, n.cause_key)
                for n in notifications
            ]
            cursor.executemany(_INSERT, rows)
            if place:
                cursor.execute("INSERT OR REPLACE INTO place VALUES (1, ?)", (place,))

    def place(self) -> str:
        """Return the last recorded step of which everything is kept; empty before the first."""
        rows = self._database.read("SELECT decision_id FROM place")
        return str(rows[0][0]) if rows else ""

    def register(self, targets: Collection[str]) -> None:
        """Know the receivers: a new one is told from now on, one no longer there keeps nothing waiting."""
        with self._lock, self._database.transaction(Survives.KILL) as cursor:
            cursor.executemany(
                "INSERT OR IGNORE INTO targets SELECT ?, coalesce(max(sequence), 0) FROM notifications",
                [(target,) for target in targets],
            )
            marks = ", ".join("?" * len(targets))
            cursor.execute(f"DELETE FROM targets WHERE target NOT IN ({marks})", tuple(targets))  # noqa: S608

    def sort(self, repeat_after: timedelta) -> None:
        """Decide of each new notification whether its cause was told within `repeat_after` before it."""
        new = self._database.read(
            f"SELECT sequence, at, cause_key FROM notifications WHERE {NOT_SORTED} ORDER BY sequence"  # noqa: S608
        )
        if not new:
            return
        with self._lock, self._database.transaction(Survives.KILL) as cursor:
            for sequence, at, cause in new:
                since = _stamp(datetime.fromisoformat(at) - repeat_after)
                repeats = 0
                if cause:
                    shown_at = cursor.execute(
                        "SELECT max(sequence), max(at) FROM notifications "
                        "WHERE cause_key = ? AND repeats >= 0 AND sequence < ?",
                        (cause, sequence),
                    ).fetchone()
                    recent = shown_at[0] is not None and shown_at[1] > since
                    repeats = -1 if recent else _folded(cursor, shown_at[0], sequence, cause)
                cursor.execute("UPDATE notifications SET repeats = ? WHERE sequence = ?", (repeats, sequence))

    def pending(self, target: str, level_min: NotificationLevel, limit: int) -> tuple[QueuedNotification, ...]:
        """Return what a receiver has not got yet, oldest first."""
        return tuple(_queued(row) for row in self._database.read(_PENDING, (target, int(level_min), limit)))

    def waiting(self, target: str) -> int:
        """Count what a receiver has not got yet."""
        return int(self._database.read(_WAITING, (target,))[0][0])

    def mark_delivered(self, target: str, sequences: Collection[int]) -> None:
        """Note that a receiver has these, or is not to get them."""
        with self._lock, self._database.transaction(Survives.KILL) as cursor:
            cursor.executemany(
                "INSERT OR IGNORE INTO deliveries VALUES (?, ?)", [(sequence, target) for sequence in sequences]
            )

    def prune(self, now: datetime) -> None:
        """Forget what every receiver has got long ago, and what is too much."""
        with self._lock, self._database.transaction(Survives.KILL) as cursor:
            cursor.execute(
                "DELETE FROM notifications WHERE at < ? AND repeats IS NOT NULL AND (repeats < 0 OR NOT EXISTS "
                "(SELECT 1 FROM targets t WHERE notifications.sequence > t.since AND NOT EXISTS (SELECT 1 FROM "
                "deliveries d WHERE d.sequence = notifications.sequence AND d.target = t.target)))",
                (_stamp(now - KEPT),),
            )
            surplus = cursor.execute("SELECT count(*) FROM notifications").fetchone()[0] - self._messages_max
            if surplus > 0:
                self.dropped += surplus
                cursor.execute(
                    "DELETE FROM notifications WHERE sequence IN "
                    "(SELECT sequence FROM notifications ORDER BY level, sequence LIMIT ?)",
                    (surplus,),
                )
            cursor.execute("DELETE FROM deliveries WHERE sequence NOT IN (SELECT sequence FROM notifications)")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()


def _folded(cursor: Cursor, shown_at: int | None, sequence: int, cause: str) -> int:
    """Count the rows of a cause that came after it was last told."""
    row = cursor.execute(
        "SELECT count(*) FROM notifications "
        "WHERE cause_key = ? AND repeats = -1 AND sequence > ? AND sequence < ?",
        (cause, shown_at or 0, sequence),
    ).fetchone()
    return int(row[0])


def _queued(row: SqlRow) -> QueuedNotification:
    return QueuedNotification(
        sequence=row[0],
        notification=Notification(
            key=row[1],
            at=datetime.fromisoformat(row[2]),
            level=NotificationLevel(row[3]),
            subject=row[4],
            text=row[5],
            cause=row[6],
        ),
        repeats=row[7],
    )


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
