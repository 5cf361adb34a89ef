"""State files that somebody or something has changed: each is named, nothing waits for ever or is sent on one."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.feeds.bar_store import ASKED_FROM, BarStore, StoredBars
from adapters.feeds.rows import SymbolBars
from adapters.ledger import SqliteLedger
from adapters.ledger.database import Database
from adapters.memory.sqlite_store import GRAPH_SCHEMA
from adapters.news.score_store import SentimentScoreStore
from adapters.paper.account import PaperAccount
from adapters.paper.store import Changes, SqlitePaperStore
from adapters.run_store import FileRunStore
from config.environment import OrderRoute
from core.errors import LedgerError
from core.schedule import LastRun
from core.types import TradingState
from tests.servers.daemon import Process, own_settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFO")
Harm = Callable[[Path], object]
LEDGER, PAPER, MEMORY = "ledger.sqlite", "paper_broker.sqlite", "memory.sqlite"


def replaced_by(make: Harm) -> Harm:
    def harm(path: Path) -> None:
        path.unlink()
        make(path)

    return harm


def sql(*statements: str) -> Harm:
    def harm(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return harm


def account(text: str) -> Harm:
    return sql(f"INSERT OR REPLACE INTO book VALUES (1, CAST('{text}' AS BLOB))")  # noqa: S608  our own text


def overwritten(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[4096:8192] = b"\xff" * 4096
    path.write_bytes(body)


def beside(suffix: str) -> Harm:
    return lambda path: os.mkfifo(path.with_name(path.name + suffix))


DROP_STEPS = "CREATE TRIGGER quiet BEFORE INSERT ON steps BEGIN SELECT RAISE(IGNORE); END"
HOLDING = '{"quantity":"%s","cost":"%s","entry_at":"2024-01-02T00:00:00Z","last_price":"1"}'
NO_FILES: Mapping[str, tuple[Harm, str]] = {
    "a FIFO": (replaced_by(os.mkfifo), "no regular file"),
    "a folder": (replaced_by(Path.mkdir), "no regular file"),
    "a device": (replaced_by(lambda p: p.symlink_to("/dev/zero")), "no regular file"),
    "empty": (replaced_by(Path.touch), "empty file"),
    "garbage": (lambda p: p.write_bytes(b"garbage" * 10_000), "not a database"),
    "cut": (lambda p: p.write_bytes(p.read_bytes()[:5_000]), ""),
    "a page overwritten": (overwritten, ""),
    "another's database": (sql("PRAGMA application_id = 7"), "not a"),
    "a newer version": (sql("PRAGMA user_version = 99"), "version 99"),
    "an older version that it is not": (sql("PRAGMA user_version = 0"), "did not make"),
    "a write-ahead log that is a FIFO": (beside("-wal"), "no regular file"),
    "a view": (sql("CREATE VIEW quiet AS SELECT 1"), "view quiet, which the engine did not make"),
    "a table": (sql("CREATE TABLE quiet (x)"), "table quiet, which the engine did not make"),
}  # fmt: skip
LEDGERS: Mapping[str, tuple[Harm, str]] = {
    **NO_FILES,
    "a trigger that drops steps": (sql(DROP_STEPS), "trigger quiet, which the engine did not make"),
    "no orders": (sql("DROP TABLE orders"), "lacks"),
    "a state that there is not": (sql("UPDATE book SET trading_state = 'brave'"), "trading state of ledger"),
    "a portfolio of NaN": (
        sql("""UPDATE book SET portfolio = CAST('{"cash":"NaN"}' AS BLOB)"""), "portfolio of ledger.sqlite",
    ),
    "an infinite portfolio": (
        sql("""UPDATE book SET portfolio = CAST('{"cash":"-Infinity"}' AS BLOB)"""), "portfolio of ledger.sqlite",
    ),
    "no JSON": (sql("UPDATE book SET portfolio = x'ff00'"), "portfolio of ledger.sqlite"),
    "a portfolio nested without end": (
        sql("UPDATE book SET portfolio = CAST('" + "[" * 100_000 + "' AS BLOB)"), "portfolio of ledger.sqlite",
    ),
    "a moment that is none": (sql("UPDATE book SET as_of = 'noon'"), "moment of ledger.sqlite"),
}  # fmt: skip
PAPERS: Mapping[str, tuple[Harm, str]] = {
    **NO_FILES,
    "cash NaN": (account('{"cash":"NaN"}'), "account in paper_broker.sqlite"),
    "cash infinite": (account('{"cash":"Infinity"}'), "account in paper_broker.sqlite"),
    "cash beyond the world's": (account('{"cash":"1E+999999"}'), "account in paper_broker.sqlite"),
    "cash below zero": (account('{"cash":"-1"}'), "cash is -1"),
    "cash null": (account('{"cash":null}'), "account in paper_broker.sqlite"),
    "no shares of a holding": (account('{"cash":"1","holdings":{"KO":%s}}' % (HOLDING % (0, 1))), "of KO"),
    "NaN shares": (account('{"cash":"1","holdings":{"KO":%s}}' % (HOLDING % ("sNaN", 1))), "paper_broker.sqlite"),
    "an order of something": (
        sql("INSERT INTO orders VALUES (1, 'x', 'submitted', x'7b7d')"), "order of the paper broker in",
    ),
    "a fill of something": (sql("INSERT INTO fills VALUES (1, 'x', 0, x'7b7d')"), "fill of the paper broker in"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEDGERS)
def test_a_tampered_ledger_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / LEDGER
    with closing(SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN)) as made:
        made.set_state(TradingState.ACTIVE, "")
    sql("UPDATE book SET portfolio = CAST('{\"cash\":\"1\"}' AS BLOB), as_of = '2024-01-02T00:00:00+00:00'")(path)
    harm, words = LEDGERS[name]
    harm(path)
    with pytest.raises(LedgerError) as caught:
        opened = SqliteLedger(path, route=OrderRoute.PAPER_BUILTIN)
        with closing(opened):
            opened.portfolio_as_of()
            opened.portfolio()
    assert words in str(caught.value)
    assert "ledger" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("name", PAPERS)
def test_a_tampered_paper_account_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / PAPER
    with closing(SqlitePaperStore(path)) as made:
        made.save(Changes(), PaperAccount(cash=1))  # type: ignore[arg-type]  # any number will do
    harm, words = PAPERS[name]
    harm(path)
    with pytest.raises(LedgerError) as caught, closing(SqlitePaperStore(path)) as store:
        store.load()
    assert words in str(caught.value)
    assert "paper" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("name", NO_FILES)
def test_a_tampered_memory_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / MEMORY
    Database(path, GRAPH_SCHEMA).close()
    harm, words = NO_FILES[name]
    harm(path)
    with pytest.raises(LedgerError, match="memory") as caught:
        Database(path, GRAPH_SCHEMA)
    assert words in str(caught.value)


NAIVE = {"due_at": "2024-01-02T15:00:00"}
JOBS: Mapping[str, Harm] = {
    "a FIFO": replaced_by(os.mkfifo),
    "a folder": replaced_by(Path.mkdir),
    "a device": replaced_by(lambda p: p.symlink_to("/dev/zero")),
    "empty": lambda p: p.write_bytes(b""),
    "garbage": lambda p: p.write_bytes(b"\xff\xfe\x00"),
    "a list": lambda p: p.write_text("[]"),
    "nested without end": lambda p: p.write_text('{"cron_decide":' + "[" * 200_000),
    "large": lambda p: p.write_text(" " * 1_000_001),
    "a moment without a zone": lambda p: p.write_text(json.dumps({"cron_decide": NAIVE})),
    "a moment that is none": lambda p: p.write_text(json.dumps({"cron_decide": {"due_at": "noon"}})),
    "null": lambda p: p.write_text(json.dumps({"cron_decide": None})),
}  # fmt: skip


@pytest.mark.parametrize("name", JOBS)
def test_tampered_runs_are_named_and_begun_anew(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "jobs.json"
    store, run = FileRunStore(path), LastRun(due_at=datetime(2024, 1, 2, 15, tzinfo=UTC))
    store.save({"cron_decide": run})
    assert store.load() == {"cron_decide": run}
    JOBS[name](path)
    assert store.load() == {}
    assert "jobs.json cannot be read" in caplog.text
    store.save({"cron_decide": run})
    assert store.load() == {"cron_decide": run}


def rewritten(change: Callable[[pa.Table], pa.Table]) -> Harm:
    return lambda path: pq.write_table(change(pq.read_table(path)), path)


def column(name: str, values: pa.Array) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.schema.get_field_index(name), name, values)

    return change


BARS: Mapping[str, Harm] = {
    "a FIFO": replaced_by(os.mkfifo),
    "a folder": replaced_by(Path.mkdir),
    "empty": lambda p: p.write_bytes(b""),
    "cut": lambda p: p.write_bytes(p.read_bytes()[:-20]),
    "no metadata": rewritten(lambda table: table.replace_schema_metadata({})),
    "metadata of a list": rewritten(lambda table: table.replace_schema_metadata({ASKED_FROM: "[1]"})),
    "metadata of nulls": rewritten(lambda table: table.replace_schema_metadata({ASKED_FROM: '{"KO": null}'})),
    "metadata nested": rewritten(lambda table: table.replace_schema_metadata({ASKED_FROM: "[" * 100_000})),
    "no closes": rewritten(lambda table: table.drop_columns(["close"])),
    "closes of text": rewritten(column("close", pa.array(["a", "b"]))),
    "a session twice": rewritten(column("session", pa.array([date(2024, 1, 2)] * 2))),
    "sessions back": rewritten(column("session", pa.array([date(2024, 1, 3), date(2024, 1, 2)]))),
    "a session of the year 9999": rewritten(column("session", pa.array([date(2024, 1, 2), date(9999, 1, 1)]))),
    "a null session": rewritten(column("session", pa.array([date(2024, 1, 2), None]))),
    "a null symbol": rewritten(column("symbol", pa.array(["KO", None]))),
}


@pytest.mark.parametrize("name", BARS)
def test_a_tampered_cache_of_bars_is_named_and_moved_aside(tmp_path: Path, name: str) -> None:
    path = tmp_path / "bars-yfinance.parquet"
    days = np.array(["2024-01-02", "2024-01-03"], dtype="datetime64[D]")
    bars = {"KO": SymbolBars(days, np.ones((2, 5)))}
    BarStore(path).save(StoredBars(bars=bars, asked_from={"KO": date(2024, 1, 1)}))
    assert list(BarStore(path).load().bars) == ["KO"]
    BARS[name](path)
    store = BarStore(path)
    assert store.load().bars == {}
    assert "bars-yfinance.parquet was corrupt" in store.fault
    assert not os.path.lexists(path)


SCORES: Mapping[str, Harm] = {
    "a FIFO": replaced_by(os.mkfifo),
    "a folder": replaced_by(Path.mkdir),
    "garbage": lambda p: p.write_bytes(b"garbage" * 10_000),
    "a write-ahead log that is a FIFO": beside("-wal"),
    "a trigger": sql("CREATE TRIGGER quiet BEFORE INSERT ON tones BEGIN SELECT RAISE(IGNORE); END"),
    "another table": sql("DROP TABLE tones", "CREATE TABLE tones (x)"),
    "scores of text": sql("UPDATE tones SET tone = 'high'"),
    "scores beyond 1": sql("UPDATE tones SET tone = 1e300"),
}


@pytest.mark.parametrize("name", SCORES)
def test_a_tampered_cache_of_scores_gives_no_score(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "tones.sqlite"
    with closing(SentimentScoreStore(path)) as made:
        made.put("model", {"text": 0.5})
        assert made.get("model", ["text"]) == {"text": 0.5}
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    SCORES[name](path)
    with closing(SentimentScoreStore(path)) as store:
        assert store.get("model", ["text"]) == {}
        assert "tones.sqlite" in caplog.text
        store.put("model", {"new": 0.25})
        assert store.get("model", ["new"]) == {"new": 0.25}


# --- in the daemon


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_settings(tmp_path_factory.mktemp("config"))


@pytest.fixture
def state(trained_state: Path, tmp_path: Path) -> Path:
    """The state of a daemon that decided and was stopped."""
    return shutil.copytree(trained_state, tmp_path / "state")


@contextmanager
def started(state: Path, settings: Path) -> Iterator[Process]:
    with Process(state, settings) as process:
        process.wait_alive()
        yield process
        assert process.end()[0] == 0
        assert "Traceback" not in process.log


def test_paper_cash_of_nan_fails_the_start_with_file_and_hint(state: Path, settings: Path) -> None:
    account('{"cash":"NaN"}')(state / PAPER)
    with started(state, settings) as process:
        process.wait(lambda: "The start failed" in process.http.get("/ready").text)
        told = process.http.get("/ready").json()["detail"]
        assert "account in paper_broker.sqlite cannot be read: cash is NaN" in told
        assert "put a backup in its place" in told


def test_rows_that_a_trigger_drops_are_no_decision_and_nothing_is_sent(state: Path, settings: Path) -> None:
    with started(state, settings) as process:
        process.wait_ready()
        sql(DROP_STEPS)(state / LEDGER)
        decided = process.http.post("/decide/v3", json={"execute": True})
        assert decided.status_code == 503, decided.text
        assert "trigger quiet, which the engine did not make" in decided.text
        health = process.answer("/health")
        assert health["trading_state"] == "halted"


def backup_in_its_place(path: Path) -> None:
    copy = path.with_suffix(".copy")
    shutil.copy(path, copy)
    copy.replace(path)


WHILE_IT_RUNS: Mapping[str, tuple[str, Harm, str]] = {
    "the ledger is deleted": (LEDGER, Path.unlink, "was replaced or taken away"),
    "a backup of the ledger is put in its place": (
        LEDGER, backup_in_its_place, "was replaced",
    ),
    "a backup of the paper account is put in its place": (
        PAPER, backup_in_its_place, "was replaced",
    ),
    "a person edits the paper account": (
        PAPER, account('{"cash":"1000000"}'), "was changed by another program",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WHILE_IT_RUNS)
def test_a_state_file_that_changes_under_the_engine_halts_it_and_is_named(
    state: Path, settings: Path, name: str
) -> None:
    file, harm, told = WHILE_IT_RUNS[name]
    with started(state, settings) as process:
        process.wait_ready()
        assert process.answer("/health")["trading_state"] == "active"
        harm(state / file)
        decided = process.http.post("/decide/v3", json={"execute": True})
        assert decided.status_code == 503, decided.text
        assert told in decided.text
        assert process.answer("/health")["trading_state"] == "halted"


def test_what_is_no_state_beside_a_sound_ledger_is_named_and_the_daemon_goes_on(
    state: Path, settings: Path
) -> None:
    replaced_by(os.mkfifo)(state / MEMORY)
    os.mkfifo(state / "jobs.json")
    (state / "cache").mkdir(exist_ok=True)
    (state / "cache" / "tones.sqlite").unlink(missing_ok=True)
    os.mkfifo(state / "cache" / "tones.sqlite")
    with Process(state, settings, ENABLE_CRON="true") as process:
        process.wait_ready()
        process.wait(lambda: any(MEMORY in line for line in process.answer("/status")["degraded"]))
        process.wait(lambda: "jobs.json" in process.log)
        assert "tones.sqlite" in process.log
        assert process.answer("/decide/v3", "POST")["decisions"]
        assert process.end()[0] == 0
