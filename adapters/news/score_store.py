"""Sentiment scores on disk: each model scores a text once. A lost or corrupt file costs only time."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from core.plain_words import plain_reason

LOG = logging.getLogger(__name__)
ROWS_MAX = 500_000
VALUES_A_QUERY = 500
SCHEMA = """create table if not exists tones (
    model text not null, text_hash blob not null, tone real not null, primary key (model, text_hash))"""

STORED_SCHEMA = " ".join(SCHEMA.replace("create table if not exists", "CREATE TABLE").split())


class SentimentScoreStore:
    """SQLite keyed by the model's id and the text's SHA-256; the first score written stays.

    Any thread may call. Faults of the disk are logged and answered as if nothing were cached.

    Parameters
    ----------
    path : Path or None
        The file; None for one in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._db = _opened(path)
        weakref.finalize(self, self._db.close).atexit = False  # Python 3.13 warns of one that nobody closed

    def get(self, model_id: str, texts: Sequence[str]) -> Mapping[str, float]:
        """Give the scores that are known."""
        by_hash = {_hash(text): text for text in texts}
        hashes = list(by_hash)
        found: dict[str, float] = {}
        try:
            with self._lock:
                for first in range(0, len(hashes), VALUES_A_QUERY):
                    some = hashes[first : first + VALUES_A_QUERY]
                    marks = ",".join("?" * len(some))
                    query = f"select text_hash, tone from tones where model = ? and text_hash in ({marks})"  # noqa: S608  # question marks only
                    found.update(self._scores(self._db.execute(query, (model_id, *some)), by_hash))
        except sqlite3.Error as error:
            LOG.warning("the store of sentiment scores cannot be read: %s", plain_reason(error))
        return found

    def _scores(self, rows: Iterable[tuple[bytes, object]], by_hash: Mapping[bytes, str]) -> dict[str, float]:
        """Return the scores by text; what is none is left out, and the text scored anew at each start."""
        sound: dict[str, float] = {}
        for key, score in rows:
            if isinstance(score, float) and -1 <= score <= 1:
                sound[by_hash[key]] = score
            else:
                LOG.warning("%s holds %.40r as a score, which is none", self._path, score)
        return sound

    def put(self, model_id: str, scores: Mapping[str, float]) -> None:
        """Keep scores; a text that has one already keeps it."""
        rows = [(model_id, _hash(text), float(score)) for text, score in scores.items()]
        try:
            with self._lock, self._db:
                self._db.executemany("insert or ignore into tones values (?, ?, ?)", rows)
        except sqlite3.Error as error:
            LOG.warning("the store of sentiment scores cannot be written: %s", plain_reason(error))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def _opened(path: Path | None) -> sqlite3.Connection:
    if path is None:
        return _connected(":memory:")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            place = path.with_name(name)
            if os.path.lexists(place) and not place.is_file():  # a FIFO would be waited for without end
                raise OSError(f"{name} is no regular file")
        return _connected(str(path))
    except (sqlite3.DatabaseError, OSError) as error:
        LOG.warning("the store of sentiment scores %s is begun anew: %s", path.name, plain_reason(error))
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
            with suppress(OSError):
                path.with_name(name).replace(path.with_name(f"{name}.corrupt"))
    try:
        return _connected(str(path))
    except (sqlite3.DatabaseError, OSError):
        return _connected(":memory:")


def _connected(place: str) -> sqlite3.Connection:
    db = sqlite3.connect(place, check_same_thread=False, timeout=2.0)
    try:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = off")
        with db:
            db.execute(SCHEMA)
            made = db.execute(
                "select sql from sqlite_schema where name not like 'sqlite\\_%' escape '\\'"
            ).fetchall()
            if [" ".join(sql.split()) for (sql,) in made] != [STORED_SCHEMA]:
                raise sqlite3.DatabaseError("it holds other tables or triggers than ours")
            surplus = db.execute("select count(*) from tones").fetchone()[0] - ROWS_MAX
            if surplus > 0:
                db.execute(
                    "delete from tones where rowid in (select rowid from tones order by rowid limit ?)",
                    (surplus,),
                )
    except BaseException:
        db.close()
        raise
    return db


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
