"""Sentiment scores on disk: each model scores a text once. A lost or corrupt file costs only time."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from adapters.ledger.database import Database, Schema, Survives
from core.errors import LedgerError

LOG = logging.getLogger(__name__)
ROWS_MAX = 500_000
VALUES_A_QUERY = 500
SCORES = Schema(
    name="store of sentiment scores",
    application_id=0,  # as in every file there is
    append_only="tones",
    migrations=(
        (
            """create table if not exists tones (
            model text not null, text_hash blob not null, tone real not null, primary key (model, text_hash))""",
        ),
    ),
)
_TRIM = "delete from tones where rowid in (select rowid from tones order by rowid desc limit -1 offset ?)"


class SentimentScoreStore:
    """SQLite keyed by the model's id and the text's SHA-256; the first score written stays.

    Any thread may call. Faults of the disk are logged and answered as if nothing were cached.

    Parameters
    ----------
    path : Path or None
        The file; None for one in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._database = _opened(path)

    def get(self, model_id: str, texts: Sequence[str]) -> Mapping[str, float]:
        """Give the scores that are known."""
        by_hash = {_hash(text): text for text in texts}
        hashes = list(by_hash)
        found: dict[str, float] = {}
        try:
            for first in range(0, len(hashes), VALUES_A_QUERY):
                some = hashes[first : first + VALUES_A_QUERY]
                marks = ",".join("?" * len(some))
                query = f"select text_hash, tone from tones where model = ? and text_hash in ({marks})"  # noqa: S608  # question marks only
                found |= {by_hash[key]: score for key, score in self._database.read(query, (model_id, *some))}
        except LedgerError as error:
            LOG.warning("the store of sentiment scores cannot be read: %s", error)
        return found

    def put(self, model_id: str, scores: Mapping[str, float]) -> None:
        """Keep scores; a text that has one already keeps it."""
        rows = [(model_id, _hash(text), float(score)) for text, score in scores.items()]
        try:
            with self._lock, self._database.transaction(Survives.KILL) as cursor:
                cursor.executemany("insert or ignore into tones values (?, ?, ?)", rows)
        except LedgerError as error:
            LOG.warning("the store of sentiment scores cannot be written: %s", error)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()


def _opened(path: Path | None) -> Database:
    try:
        return _trimmed(path)
    except LedgerError as error:
        LOG.warning("the store of sentiment scores is begun anew: %s", error)
    for old in [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")] if path else []:
        with suppress(OSError):
            old.replace(old.with_name(f"{old.name}.corrupt"))
    try:
        return _trimmed(path)
    except LedgerError:
        return _trimmed(None)


def _trimmed(path: Path | None) -> Database:
    database = Database(path, SCORES)
    with database.transaction(Survives.KILL) as cursor:
        cursor.execute(_TRIM, (ROWS_MAX,))
    return database


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
