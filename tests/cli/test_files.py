"""Export, backup and restore beside a real daemon and its real ledger."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from cli.app import EXIT_REFUSED, EXIT_SETTINGS
from tests.cli.conftest import CommandLine, begin, run, run_here
from tests.servers.daemon import Process, own_settings


@pytest.fixture(scope="module")
def traded(command: CommandLine) -> CommandLine:
    """A daemon whose ledger has orders, and fills if the simulated exchange is open."""
    command.daemon.answer("/decide/v3", "POST", json={"execute": True})
    return command


@pytest.mark.parametrize("name", ["trades", "fills", "orders", "cash"])
def test_each_table_has_what_the_api_lists(name: str, traded: CommandLine, tmp_path: Path) -> None:
    done = run_here("export", str(tmp_path / f"{name}.csv"), STATE_DIR=str(traded.daemon.state))
    assert done.returncode == 0, done.stderr
    with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as written:
        lines = list(csv.DictReader(written))
    path, key = ("/orders", "orders") if name == "orders" else ("/trades", name.replace("cash", "cash_movements"))
    listed = traded.daemon.answer(f"{path}?limit=500")[key]
    assert [line["symbol"] for line in lines] == [one["ticker"] for one in reversed(listed)]
    assert f"{len(lines)} {name} in" in done.stdout


def test_the_sales_of_lots_are_written_as_form_8949(traded: CommandLine, tmp_path: Path) -> None:
    done = run_here("export", str(tmp_path / "form8949.csv"), STATE_DIR=str(traded.daemon.state))
    assert done.returncode == 0, done.stderr
    header = (tmp_path / "form8949.csv").read_text().splitlines()[0]
    assert "(d) Proceeds" in header and "no tax advice" in header


def test_what_there_is_no_table_of_is_refused(traded: CommandLine, tmp_path: Path) -> None:
    done = run("export", str(tmp_path / "nonsense.csv"), STATE_DIR=str(traded.daemon.state))
    assert done.returncode == EXIT_SETTINGS
    assert "trades, fills, orders, cash" in done.stderr


def test_a_backup_of_a_running_daemon_is_put_back_into_an_empty_place(
    traded: CommandLine, tmp_path: Path
) -> None:
    archive, elsewhere = tmp_path / "backup.tar.gz", tmp_path / "elsewhere" / "state"
    assert run("backup", str(archive), STATE_DIR=str(traded.daemon.state)).returncode == 0
    done = run("restore", str(archive), "--yes", STATE_DIR=str(elsewhere))
    assert done.returncode == 0, done.stderr
    for place in (traded.daemon.state, elsewhere):
        table = str(tmp_path / f"orders-{place.parent.name}.csv")
        assert run_here("export", table, STATE_DIR=str(place)).returncode == 0
    first, second = sorted(tmp_path.glob("orders-*.csv"))
    assert len(first.read_text().splitlines()) > 1
    assert first.read_text() == second.read_text()


def test_nothing_is_restored_under_a_running_daemon(traded: CommandLine, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    run_here("backup", str(archive), STATE_DIR=str(traded.daemon.state))
    done = run_here("restore", str(archive), "--yes", STATE_DIR=str(traded.daemon.state))
    assert done.returncode == EXIT_SETTINGS
    assert "Another engine runs" in done.stderr
    shutil.copy(archive, tmp_path / "cut.tar.gz")
    (tmp_path / "cut.tar.gz").write_bytes(archive.read_bytes()[:100])
    cut = run_here("restore", str(tmp_path / "cut.tar.gz"), "--yes", STATE_DIR=str(tmp_path / "s"))
    assert cut.returncode == EXIT_REFUSED


def test_a_kill_meanwhile_costs_neither_the_backup_nor_what_it_is_of(traded: CommandLine, tmp_path: Path) -> None:
    archive, state = tmp_path / "first.tar.gz", tmp_path / "restored" / "state"
    killed = begin("backup", str(archive), STATE_DIR=str(traded.daemon.state))
    killed.kill()
    killed.wait()
    assert not archive.exists(), "it is whole or not there"
    assert run_here("backup", str(archive), STATE_DIR=str(traded.daemon.state)).returncode == 0
    assert run_here("restore", str(archive), "--yes", STATE_DIR=str(state)).returncode == 0
    with Process(state, own_settings(tmp_path)) as daemon:
        daemon.wait_ready()
        held = daemon.answer("/positions")["positions"]
        second = begin("backup", str(tmp_path / "second.tar.gz"), STATE_DIR=str(state))
        daemon.child.kill()
        assert second.wait(60) == 0
    again = tmp_path / "again" / "state"
    assert run_here("restore", str(tmp_path / "second.tar.gz"), "--yes", STATE_DIR=str(again)).returncode == 0
    with Process(again, tmp_path) as daemon:
        daemon.wait_ready()
        assert daemon.answer("/status")["trading_state"] in ("active", "reducing"), "nothing differs"
        assert [one["ticker"] for one in daemon.answer("/positions")["positions"]] == [
            one["ticker"] for one in held
        ]
