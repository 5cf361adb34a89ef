"""The ledger of evidence: each session's closes and what they taught, for ever; and what the next builds on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adapters.ledger.database import Database, Schema, Survives
from adapters.ledger.kept_records import reading
from core.scoreboard import Outcome, ScoredKind, SessionClose

OUTCOME_COLUMNS = "session, kind, name, excess_return, e_value, e_value_worse, state"
EVIDENCE = Schema(
    name="ledger of evidence",
    application_id=0x54454531,
    migrations=(
        (
            """
            CREATE TABLE closes (
                sequence INTEGER PRIMARY KEY,
                session TEXT NOT NULL,
                name TEXT NOT NULL,
                equity REAL NOT NULL,
                paid_in REAL NOT NULL,
                UNIQUE (session, name)
            ) STRICT
            """,
            """
            CREATE TABLE outcomes (
                sequence INTEGER PRIMARY KEY,
                session TEXT NOT NULL,
                kind TEXT NOT NULL,
                name TEXT NOT NULL,
                excess_return REAL NOT NULL,
                e_value REAL NOT NULL,
                e_value_worse REAL NOT NULL,
                state TEXT NOT NULL,
                UNIQUE (session, kind, name)
            ) STRICT
            """,
            "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL) STRICT",
        ),
    ),
)


class EvidenceLedger:
    """Records a session's close in one transaction: after a kill it is there as a whole or not at all.

    Parameters
    ----------
    path : Path or None
        The file; None for one in memory.

    Raises
    ------
    core.errors.LedgerError
        When the file cannot be used; every method raises it when reading or writing fails.
    """

    def __init__(self, path: Path | None) -> None:
        self._database = Database(path, EVIDENCE)

    def record(self, closes: Sequence[SessionClose], outcomes: Sequence[Outcome], state: bytes) -> None:
        """Write down a session's closes, what they taught, and the state after them."""
        with self._database.transaction(Survives.KILL) as cursor:
            cursor.executemany(
                "INSERT INTO closes (session, name, equity, paid_in) VALUES (?, ?, ?, ?)",
                [(close.session, close.name, close.equity, close.paid_in) for close in closes],
            )
            cursor.executemany(
                "INSERT INTO outcomes (session, kind, name, excess_return, e_value, e_value_worse, state) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        one.session,
                        one.kind,
                        one.name,
                        one.excess_return,
                        one.e_value,
                        one.e_value_worse,
                        one.state,
                    )
                    for one in outcomes
                ],
            )
            cursor.execute("INSERT OR REPLACE INTO state (id, body) VALUES (1, ?)", (state,))

    def state(self) -> bytes:
        """Return the state after the last close; empty before the first."""
        rows = self._database.read("SELECT body FROM state")
        return bytes(rows[0][0]) if rows else b""

    def closes(self, since: str = "") -> Sequence[SessionClose]:
        """Return closes, oldest first; those of a session (ISO date) and later."""
        sql = "SELECT session, name, equity, paid_in FROM closes WHERE session >= ? ORDER BY session, name"
        with reading("A close of evidence.sqlite"):
            return tuple(
                SessionClose(session=session, name=name, equity=float(equity), paid_in=float(paid_in))
                for session, name, equity, paid_in in self._database.read(sql, (since,))
            )

    def outcomes(self, kind: ScoredKind, name: str) -> Sequence[Outcome]:
        """Return what each session taught of one book or agent, oldest first."""
        return self._outcomes("kind = ? AND name = ? ORDER BY session", kind, name)

    def outcomes_of_session(self, session: str) -> Sequence[Outcome]:
        """Return what a session taught."""
        return self._outcomes("session = ? ORDER BY kind DESC, name", session)

    def state_until(self, session: str, kind: ScoredKind, name: str) -> str:
        """Return what the evidence said of one up to a session (ISO date); empty when nothing."""
        where = "kind = ? AND name = ? AND session <= ? ORDER BY session DESC LIMIT 1"
        rows = self._database.read(f"SELECT state FROM outcomes WHERE {where}", (kind, name, session))  # noqa: S608  constants
        return str(rows[0][0]) if rows else ""

    def close(self) -> None:
        """Close the file in order."""
        self._database.close()

    def _outcomes(self, where: str, *values: str) -> Sequence[Outcome]:
        sql = f"SELECT {OUTCOME_COLUMNS} FROM outcomes WHERE {where}"  # noqa: S608  constants
        with reading("An outcome of evidence.sqlite"):
            return tuple(
                Outcome(
                    session=session, kind=kind, name=name, excess_return=float(excess), e_value=float(better),
                    e_value_worse=float(worse), state=state,
                )
                for session, kind, name, excess, better, worse, state in self._database.read(sql, values)
            )  # fmt: skip
