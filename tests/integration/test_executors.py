"""The same results byte for byte in this process, in a spawned pool, and on a cluster that loses a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from adapters.simulated.market import SimulatedMarket
from backtest.app import executors
from backtest.app.executors import executor_of, fingerprint, run_all, share
from backtest.app.sweep import run_sweep
from backtest.to_json import plain
from config.loader import load_trading
from config.trading import QuantSettings
from core.errors import SettingsError
from core.types import BarPanel, Floats
from models.factors.store import FactorStore, FactorTable
from models.ranker.artefact import QuantArtefact
from models.ranker.walk_forward import fold_rows, fold_task, train_fold, walk_forward
from tests.default_universe import DEFAULT, SECTOR_ETF_OF, UNIVERSE
from tests.simulation import backtests
from tests.simulation.desk import CALENDAR, FIRST, LAST

ROOT = Path(__file__).parents[2]
WAIT_SECONDS = 60.0
FOLDS = 8


@cache
def market() -> BarPanel:
    return SimulatedMarket(CALENDAR, DEFAULT).bars(UNIVERSE, FIRST, LAST)


@cache
def table() -> FactorTable:
    return FactorStore(SECTOR_ETF_OF).history(market())


def settings() -> QuantSettings:
    return load_trading().quant.model_copy(update={"n_estimators": 10, "window_months": 12})


@cache
def rows() -> tuple[int, ...]:
    last = len(market().sessions) - 1
    return fold_rows(market(), last - 9 * FOLDS, last, 9)[-FOLDS:]


def trained(executor: Executor | None) -> bytes:
    """The folds' artefacts as bytes."""
    made = walk_forward(market(), table(), settings(), rows(), executor)
    return as_bytes(made)


def as_bytes(made: Sequence[QuantArtefact]) -> bytes:
    return msgspec.msgpack.encode(list(made))


@cache
def alone() -> bytes:
    with executor_of(1) as executor:
        assert executor is None
        return trained(executor)


def test_a_pool_of_two_gives_the_same_bytes() -> None:
    assert len(set(rows())) == FOLDS
    with executor_of(2) as executor:
        assert trained(executor) == alone()


@pytest.mark.parametrize(("jobs", "cluster"), [(0, ""), (-1, ""), (2, "tcp://127.0.0.1:1")])
def test_what_cannot_be_is_refused(jobs: int, cluster: str) -> None:
    with pytest.raises(SettingsError, match="cannot be"), executor_of(jobs, cluster):
        pass


# --- a cluster on loopback -------------------------------------------------------------------------------------


@dataclass
class Cluster:
    """A scheduler and its workers, each a process of its own."""

    address: str
    workers: list[subprocess.Popen[bytes]]


def child(*arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def eventually(what: str, look: Any) -> Any:
    """Wait until `look` gives something."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    pytest.fail(f"no {what} within {WAIT_SECONDS} s")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    pytest.importorskip("distributed")
    import json

    folder = tmp_path_factory.mktemp("dask")
    said = folder / "scheduler.json"
    scheduler = child(
        "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
        "--scheduler-file", str(said),
    )  # fmt: skip
    started = [scheduler]
    try:
        address = eventually("scheduler", lambda: said.exists() and json.loads(said.read_text())["address"])
        for name in ("first", "second"):
            started.append(
                child(
                    "distributed.cli.dask_worker", address, "--host", "127.0.0.1", "--nthreads", "1",
                    "--no-nanny", "--no-dashboard", "--name", name, "--local-directory", str(folder),
                )
            )  # fmt: skip
        with executors._client(address) as client:
            client.wait_for_workers(2, timeout=WAIT_SECONDS)
        yield Cluster(address=address, workers=started[1:])
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_cluster_that_loses_a_worker_half_way_gives_the_same_bytes(cluster: Cluster) -> None:
    tasks = [fold_task(market(), table(), settings(), row) for row in rows()]
    with executors._client(cluster.address) as client, executor_of(1, cluster.address) as executor:
        assert executor is not None
        futures: list[Future[Any]] = [executor.submit(train_fold, task) for task in tasks]
        victim = next(address for address, told in workers(client).items() if told["id"] == "second")
        eventually("half-done run", lambda: sum(f.done() for f in futures) >= 2)
        eventually("work of the victim", lambda: client.processing([victim])[victim])
        cluster.workers[1].send_signal(signal.SIGKILL)
        cluster.workers[1].wait()
        done_then = sum(future.done() for future in futures)
        assert 2 <= done_then < FOLDS
        made = [future.result(timeout=WAIT_SECONDS) for future in futures]
        left = workers(client)
    assert len(left) == 1
    assert victim not in left
    assert as_bytes(made) == alone()


def workers(client: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    return found


def test_the_walk_forward_itself_runs_on_what_is_left(cluster: Cluster) -> None:
    with executor_of(1, cluster.address) as executor:
        assert trained(executor) == alone()


def test_a_large_value_is_sent_once_and_no_task_is_too_large(cluster: Cluster) -> None:
    """Dask warns of a task of more than 10 MB, and warnings are errors here."""
    value = np.arange(3e6)
    assert value.nbytes > 20e6
    told: list[tuple[int, int]] = []
    with executor_of(1, cluster.address) as executor:
        assert executor is not None
        shared = share(executor, value)
        found = list(run_all(executor, total, [(shared, 1.0), (shared, 2.0)], lambda *said: told.append(said)))
        with pytest.warns(UserWarning, match="Sending large graph"):
            assert executor.submit(total, value, 1.0).result(timeout=WAIT_SECONDS) == found[0]
    assert found == [float(value.sum()), 2 * float(value.sum())]
    assert told[-1] == (2, 2)
    assert share(None, value) is value
    assert list(run_all(None, total, [(value, 2.0)], lambda *_: None)) == found[1:]


def test_a_sweep_on_the_cluster_gives_the_same_bytes(cluster: Cluster) -> None:
    changes = [{}, {"trading.broker.slippage_bps": 40.0}]
    run = partial(run_sweep, "quant_v8", backtests.spec(), backtests.panel(), "made up", changes)
    with executor_of(1, cluster.address) as executor:
        there = run(executor, lambda *_: None)
    here = run(None, lambda *_: None)
    assert here.cells[0].trades > 0
    assert here.cells[0].returns != here.cells[1].returns
    assert msgspec.json.encode(plain(there)) == msgspec.json.encode(plain(here))


def total(value: Floats, times: float) -> float:
    return float(value.sum() * times)


def test_a_worker_with_other_code_is_refused(cluster: Cluster) -> None:
    ours = {**fingerprint(), "numpy": "0.1", "code": "another"}
    with executors._client(cluster.address) as client:
        executors._same_everywhere(client, fingerprint())
        with pytest.raises(SettingsError, match=r"numpy .* there, 0.1 here"):
            executors._same_everywhere(client, ours)


def test_a_scheduler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "CONNECT_SECONDS", 0.5)
    with pytest.raises(SettingsError, match="No dask scheduler answers"), executor_of(1, "tcp://127.0.0.1:9"):
        pass


def test_the_fingerprint_knows_the_code_and_the_libraries() -> None:
    found = fingerprint()
    assert found["numpy"] == np.__version__
    assert len(found["code"]) == 12
    assert found == fingerprint()
