"""The real daemon for the API's tests: simulated market, its own state folder, a real server on a free port."""

from __future__ import annotations

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from adapters.backtest_runs import FileBacktestRuns
from api.app import create_app
from config.environment import read_environment
from core.service import Service
from daemon.wiring import Daemon as WiredDaemon
from server import configuration
from tests.servers.daemon import HTTP_ONLY, MODELS, SMALL_MODELS, own_settings

READY_SECONDS_MAX = 120.0


@dataclass(frozen=True)
class Daemon:
    """A running daemon."""

    port: int
    app: FastAPI
    service: Service
    wired: WiredDaemon
    artefacts: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def wait_idle(client: httpx.Client) -> None:
    """Wait until the daemon is ready and the first training is over."""
    limit = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < limit:
        if client.get("/ready").status_code == 200:
            jobs = client.get("/jobs").json()["jobs"]
            if all(job["status"] != "running" for job in jobs) and client.get("/health").json()["models_loaded"]:
                return
        time.sleep(0.1)
    pytest.fail(f"the daemon is not ready: {client.get('/ready').text} {client.get('/jobs').text}")


@pytest.fixture(scope="session")
def daemon(trained_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    from daemon.wiring import build_daemon

    state, folder = tmp_path_factory.mktemp("state"), own_settings(tmp_path_factory.mktemp("config"))
    for name in MODELS:
        shutil.copytree(trained_state / name, state / name)
    (folder / "trading.json").write_text(json.dumps(SMALL_MODELS | {"rl": {"seeds": 2}}))
    environment = read_environment({"DATA_PROVIDER": "simulated", "STATE_DIR": str(state)})
    wired = build_daemon(environment, folder)
    app = create_app(
        wired.service,
        wired.hub,
        environment,
        wired.metrics,
        judgement=wired.engines.scores,
        letters=wired.letters,
        history=wired.history,
    )  # fmt: skip
    app.state.backtest_runs = FileBacktestRuns(state / "backtests")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(configuration(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    found = Daemon(
        port=listening.getsockname()[1],
        app=app,
        service=wired.service,
        wired=wired,
        artefacts=environment.artefact_dir,
    )
    with httpx.Client(base_url=found.url, timeout=10) as client:
        while not server.started:
            time.sleep(0.01)
        wait_idle(client)
    yield found
    server.should_exit = True
    thread.join(20)
    listening.close()
    assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def client(daemon: Daemon) -> Iterator[httpx.Client]:
    """A client of the running daemon, which trades again afterwards."""
    with httpx.Client(base_url=daemon.url, timeout=60, verify=HTTP_ONLY) as client:
        yield client
        client.post("/resume")
