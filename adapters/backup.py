"""Backup and restore of what the engine owns: ledger, paper account, memory, models, a person's settings.

A backup is a gzipped tar that can be taken while the daemon runs. Databases are copied by SQLite's own online
backup; if any was written to while they were copied, all are copied again, so that ledger and paper account are
of one moment.
"""

from __future__ import annotations

import hashlib
import io
import json
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from config.version import engine_version
from core.errors import DataError
from core.plain_words import plain_reason

MANIFEST = "manifest.json"
FORMAT = 1
DATABASE = ".sqlite"
LEFT_OUT = {"cache", "__pycache__", "engine.lock"}
LEFT_OUT_SUFFIXES = {".py", ".pyc", "-wal", "-shm", "-journal", ".new", ".log", ".lock"}
ATTEMPTS_MAX = 20
PAUSE_SECONDS = 0.25
PRIMARY_CODE = 0xFF  # of SQLite's extended error codes
MEMBERS_MAX, BYTES_MAX = 100_000, 64 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where what is backed up lies.

    Attributes
    ----------
    settings : Path
        The configuration folder; of it only a person's own files are taken.
    """

    state: Path
    models: Path
    settings: Path

    def roots(self) -> Mapping[str, Path]:
        """Return the folders by their name in the archive."""
        models = {} if self.models.is_relative_to(self.state) else {"models": self.models}
        return {"state": self.state, **models, "config": self.settings}


def write_backup(places: Places, archive: Path, made_at: datetime) -> int:
    """Write an archive, whole or not at all; return how many files are in it.

    Raises
    ------
    DataError
        When there is nothing to back up, a database cannot be read, or the engine never rests.
    """
    files = dict(_files(places))
    if not any(name.startswith("state/") for name in files):
        raise DataError(f"There is no state in {places.state}.", hint="Set STATE_DIR as the daemon has it.")
    archive.parent.mkdir(parents=True, exist_ok=True)
    draft = archive.with_name(f"{archive.name}.new")
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        copies = _copied_at_one_moment(files, Path(folder))
        digests = {name: _digest(copy) for name, copy in copies.items()}
        about = {
            "format": FORMAT, "engine": engine_version(), "made_at": made_at.isoformat(), "files": digests,
        }  # fmt: skip
        with tarfile.open(draft, "w:gz", compresslevel=6) as tar:
            body = json.dumps(about, indent=1).encode()
            entry = tarfile.TarInfo(MANIFEST)
            entry.size = len(body)
            tar.addfile(entry, io.BytesIO(body))
            for name, copy in sorted(copies.items()):
                tar.add(copy, name, recursive=False, filter=_private)
        draft.chmod(0o600)
        draft.replace(archive)
    return len(copies)


def read_backup(places: Places, archive: Path, made_at: datetime) -> Path:
    """Put an archive's files in place; return where what was there before was moved to.

    The daemon must be stopped; the caller holds the state directory.

    Raises
    ------
    DataError
        When the archive is damaged, foreign or of a newer format; nothing is changed then.
    """
    before = places.state.with_name(f"{places.state.name}.before-restore-{made_at:%Y%m%dT%H%M%S}")
    places.state.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=places.state.parent) as folder:
        names = _unpacked(archive, Path(folder))
        roots = places.roots()
        for name in _present(places):
            _move(roots[name.parts[0]].joinpath(*name.parts[1:]), before / name)
        for unpacked in names:
            root, *rest = PurePosixPath(unpacked).parts
            into = roots.get(root, places.state / root)
            _move(Path(folder) / unpacked, into.joinpath(*rest))
    return before


def _files(places: Places) -> Iterator[tuple[str, Path]]:
    for root, folder in places.roots().items():
        found = (
            (folder / name for name in ("trading.json", "risk.json")) if root == "config" else folder.rglob("*")
        )
        for path in found:
            parts = path.relative_to(folder).parts
            if path.is_file() and not path.is_symlink() and not LEFT_OUT & set(parts) and _wanted(path.name):
                yield "/".join((root, *parts)), path


def _wanted(name: str) -> bool:
    return not any(name.endswith(suffix) for suffix in LEFT_OUT_SUFFIXES)


def _present(places: Places) -> Sequence[PurePosixPath]:
    """Return what is there now, the logs of databases included: they belong to the file that goes."""
    names = [PurePosixPath(name) for name, _ in _files(places)]
    logs = [
        name.with_name(name.name + suffix)
        for name in names
        if name.suffix == DATABASE
        for suffix in ("-wal", "-shm")
        if places.roots()[name.parts[0]].joinpath(*name.parts[1:-1], name.name + suffix).exists()
    ]
    return [*names, *logs]


def _copied_at_one_moment(
    files: Mapping[str, Path], into: Path, rest: Callable[[float], None] = time.sleep
) -> dict[str, Path]:
    """Copy all files again until nothing was written meanwhile."""
    for _ in range(ATTEMPTS_MAX):
        before = _stamps(files)
        copies = {name: _copied(path, into / name) for name, path in files.items() if path.exists()}
        if _stamps(files) == before:
            return copies
        rest(PAUSE_SECONDS)
    raise DataError(
        "The engine wrote without a rest while the backup was taken.",
        hint="Try again outside a training or a decision.",
    )


def _stamps(files: Mapping[str, Path]) -> list[tuple[str, int, int]]:
    out = []
    for path in files.values():
        for one in (path, path.with_name(f"{path.name}-wal")):
            if one.exists() and (one.suffix == DATABASE or one.name.endswith("-wal")):
                about = one.stat()
                out.append((str(one), about.st_mtime_ns, about.st_size))
    return out


def _copied(path: Path, copy: Path) -> Path:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix != DATABASE:
        copy.write_bytes(path.read_bytes())
        return copy
    try:
        try:
            _copy_database(path, copy, "ro")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_READONLY:
                raise
            _copy_database(path, copy, "rw")  # what a kill left half written is rolled back by a writer only
    except sqlite3.Error as error:
        raise DataError(
            f"{path} cannot be copied to {copy.parent}: {plain_reason(error)}.",
            hint="Make room there, or name another place; of a damaged file the daemon's start says more.",
        ) from error
    return copy


def _copy_database(path: Path, copy: Path, mode: str) -> None:
    copy.unlink(missing_ok=True)
    source = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True)
    with closing(source), closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # the copy is one file


def _unpacked(archive: Path, into: Path) -> Sequence[str]:
    """Unpack and check every file against the manifest; return their names."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = tar.getmembers()
            if len(members) > MEMBERS_MAX or sum(member.size for member in members) > BYTES_MAX:
                raise DataError(f"{archive} is larger than any backup of ours.")
            tar.extractall(into, filter="data")
        about = json.loads((into / MANIFEST).read_bytes())
        files = dict(about["files"])
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, EOFError) as error:
        raise DataError(
            f"{archive} is no backup that can be read: {plain_reason(error)}.", hint="Take another one."
        ) from error
    if about.get("format") != FORMAT:
        raise DataError(
            f"{archive} is of format {about.get('format')}.", hint="Upgrade the engine, then restore."
        )
    wrong = [name for name, digest in files.items() if not _is_whole(into / name, str(digest))]
    if wrong:
        raise DataError(f"{archive} is damaged: {', '.join(sorted(wrong)[:3])}.", hint="Take another one.")
    return sorted(files)


def _is_whole(path: Path, digest: str) -> bool:
    return path.is_file() and _digest(path) == digest


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _move(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    path.replace(to)


def _private(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry
