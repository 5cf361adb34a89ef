"""A desk with positions and closed trades behind a real server on a port: what the dashboard's pages show."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from adapters.events.hub import EventHub
from adapters.metrics import Metrics
from api.app import create_app
from config.environment import read_environment
from config.loader import FOLDER
from config.universe import DEFAULT
from config.watch import WatchedRisk
from daemon.engine_service import EngineService
from daemon.wiring.history import HistoryService
from daemon.wiring.settings import SettingsService
from tests.servers.daemon import free_port
from tests.simulation.desk import Desk, history_of, moments, open_desk, ready, serve

TRADES_MIN = 3


@dataclass
class Served:
    """A desk behind a real server on a port."""

    desk: Desk
    port: int


@contextmanager
def served_desk(state: Path, variables: Mapping[str, str] = {}) -> Iterator[Served]:
    """Serve a desk that holds something and has closed trades, under these variables."""
    desk = open_desk(state)
    for _ in desk.steps(moments()):
        portfolio = desk.engine.portfolio
        if portfolio.positions and not portfolio.pending and len(desk.ledger.trades(TRADES_MIN)) == TRADES_MIN:
            break
    assert len(desk.engine.portfolio.positions) > 1, "something is held"
    settings = SettingsService(FOLDER, WatchedRisk(), DEFAULT, lambda: desk.engine)
    with served_service(lambda: serve(desk), desk.hub, history_of(desk), settings, variables) as port:
        yield Served(desk, port)


@contextmanager
def served_service(
    make: Callable[[], EngineService],
    hub: EventHub,
    history: HistoryService,
    settings: SettingsService,
    variables: Mapping[str, str] = {},
) -> Iterator[int]:
    """Serve what is made on the server's own event loop; gives the port."""
    port = free_port()
    began, servers = threading.Event(), []

    async def run() -> None:
        service = make()
        await ready(service)
        app = create_app(service, hub, read_environment(variables), Metrics(), history=history)
        app.state.settings_access = settings
        servers.append(uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning")))
        began.set()
        await servers[0].serve()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    assert began.wait(60)
    while not servers[0].started:
        time.sleep(0.01)
    yield port
    servers[0].should_exit = True
    thread.join(60)
