"""A backup is whole and of one moment, and comes back as it was; a damaged one changes nothing."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.backup import Places, _copied_at_one_moment, read_backup, write_backup
from core.errors import DataError

NOW = datetime(2025, 6, 30, 15, 0, tzinfo=UTC)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(state=tmp_path / "state", models=tmp_path / "models", settings=tmp_path / "config")
    for folder in (
        made.state / "cache",
        made.state / "shadow" / "baseline",
        made.models / "registry",
        made.settings,
    ):
        folder.mkdir(parents=True)
    write(made.state / "ledger.sqlite", 7)
    write(made.state / "shadow" / "baseline" / "ledger.sqlite", 8)
    (made.state / "jobs.json").write_text("{}")
    (made.state / "cache" / "bars.parquet").write_text("large")
    (made.models / "registry" / "a.json").write_text("a model")
    (made.models / "ranker.py").write_text("our own code")
    (made.settings / "risk.json").write_text('{"a": 1}')
    (made.settings / "risk.default.json").write_text("{}")
    return made


def write(path: Path, number: int) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE IF NOT EXISTS kept (number INTEGER)")
        db.execute("INSERT INTO kept VALUES (?)", (number,))


def kept(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as db:
        return [number for (number,) in db.execute("SELECT number FROM kept")]


def test_what_was_backed_up_comes_back_and_what_was_there_is_kept_aside(places: Places, tmp_path: Path) -> None:
    archive = tmp_path / "out" / "backup.tar.gz"
    assert write_backup(places, archive, NOW) == 5
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    write(places.state / "ledger.sqlite", 99)
    (places.models / "registry" / "a.json").write_text("another model")
    (places.models / "registry" / "b.json").write_text("a newer model")
    before = read_backup(places, archive, NOW)
    assert kept(places.state / "ledger.sqlite") == [7]
    assert kept(places.state / "shadow" / "baseline" / "ledger.sqlite") == [8]
    assert (places.models / "registry" / "a.json").read_text() == "a model"
    assert not (places.models / "registry" / "b.json").exists()
    assert kept(before / "state" / "ledger.sqlite") == [7, 99]
    assert (before / "models" / "registry" / "b.json").read_text() == "a newer model"
    assert (places.models / "ranker.py").exists()
    assert (places.state / "cache" / "bars.parquet").exists()


def test_what_a_kill_left_half_written_is_rolled_back_and_backed_up(places: Places, tmp_path: Path) -> None:
    path, killed = tmp_path / "ledger.sqlite", places.state / "ledger.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE kept (number INTEGER)")
        db.execute("INSERT INTO kept VALUES (7)")
        db.execute("PRAGMA cache_size = 1")
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO kept VALUES (?)", [(8,)] * 50_000)  # more than its memory holds
        for suffix in ("", "-journal"):
            shutil.copy(f"{path}{suffix}", f"{killed}{suffix}")
    assert killed.with_name("ledger.sqlite-journal").stat().st_size
    archive = tmp_path / "backup.tar.gz"
    write_backup(places, archive, NOW)
    read_backup(places, archive, NOW)
    assert kept(killed) == [7]


def test_caches_code_and_defaults_are_left_out(places: Places, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    write_backup(places, archive, NOW)
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert set(names) == {
        "manifest.json", "state/ledger.sqlite", "state/shadow/baseline/ledger.sqlite", "state/jobs.json",
        "models/registry/a.json", "config/risk.json",
    }  # fmt: skip


def test_databases_that_are_written_to_meanwhile_are_copied_again(places: Places, tmp_path: Path) -> None:
    files = {f"state/{n}.sqlite": places.state / f"{n}.sqlite" for n in ("ledger", "paper")}
    write(files["state/paper.sqlite"], 1)
    with closing(sqlite3.connect(files["state/ledger.sqlite"])) as open_elsewhere:
        open_elsewhere.execute("INSERT INTO kept VALUES (8)")
        open_elsewhere.commit()  # in the write-ahead log alone
        copies = _copied_at_one_moment(files, tmp_path / "copies")
    assert kept(copies["state/ledger.sqlite"]) == [7, 8]
    assert kept(copies["state/paper.sqlite"]) == [1]


def test_an_engine_that_never_rests_is_said(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = places.state / "ledger.sqlite"
    counted = iter(range(1000))
    monkeypatch.setattr("adapters.backup._stamps", lambda _: next(counted))
    rests: list[float] = []
    with pytest.raises(DataError, match="without a rest"):
        _copied_at_one_moment({"state/ledger.sqlite": ledger}, tmp_path / "copies", rests.append)
    assert rests


def damaged(archive: Path) -> None:
    body = bytearray(archive.read_bytes())
    body[len(body) // 2] ^= 0xFF
    archive.write_bytes(bytes(body))


def cut(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-200])


def foreign(archive: Path) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(__file__, "../../escaped.py")


@pytest.mark.parametrize("spoil", [damaged, cut, foreign])
def test_an_archive_that_cannot_be_trusted_changes_nothing(spoil: object, places: Places, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    write_backup(places, archive, NOW)
    assert callable(spoil)
    spoil(archive)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(DataError):
        read_backup(places, archive, NOW)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_nothing_to_back_up_is_said(tmp_path: Path) -> None:
    empty = Places(state=tmp_path / "no", models=tmp_path / "no" / "models", settings=tmp_path)
    with pytest.raises(DataError, match="STATE_DIR"):
        write_backup(empty, tmp_path / "backup.tar.gz", NOW)
