"""The daemon: `python server.py` listens on 127.0.0.1:8787 until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TextIO, cast

import structlog
import uvicorn
from starlette.types import ASGIApp

from adapters.backtest_runs import FileBacktestRuns
from adapters.calendar import NyseCalendar
from api.app import create_app, system_clock
from api.connections.http import HeaderRefusal, LimitedHttpProtocol
from api.connections.websocket import LimitedWebSocketProtocol
from api.dependencies import Clock
from api.mcp.endpoint import add_mcp
from api.security import Gate
from api.stream.endpoint import MESSAGE_BYTES_MAX
from config.environment import PRIVATE, SECRETS, Environment, read_environment, secrets_in
from config.loader import FOLDER
from config.server import ServerSettings
from core.errors import SettingsError
from core.masking import SecretMask
from daemon.engine_service import EngineService
from daemon.log_stream import drop_unwritten_output, hold_standard_descriptors
from daemon.logs import configure_logging
from daemon.systemd import SystemdNotifier
from daemon.wiring import Daemon, build_daemon
from daemon.wiring.backtest_jobs import RUNS

EXIT_SETTINGS = 2
SHUTDOWN_SECONDS_MAX = 2  # for open requests; the engine's step has as long again
BACKLOG = 2048
PING_SECONDS = 20.0
GC_OBJECTS = 20_000  # what a start imports stays: looked through at each 700 new objects it costs a tenth of it
STDIN = 0  # the raw descriptor: a thread that blocks in sys.stdin makes the interpreter abort at its end
log = structlog.get_logger("start")


class Server(uvicorn.Server):
    """Stops the engine before it waits for open requests, which may wait for the engine."""

    def __init__(self, config: uvicorn.Config, service: EngineService, systemd: SystemdNotifier) -> None:
        super().__init__(config)
        self._service = service
        self._systemd = systemd
        self._living: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and give signs of life from then on."""
        await super().startup(sockets)
        living = self._systemd.keep_alive(lambda: float(self._service.health()["engine_busy_seconds"]))
        self._living = asyncio.get_running_loop().create_task(living)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, answer what is open, then leave."""
        self._systemd.send("STOPPING=1")
        if self._living is not None:
            self._living.cancel()
        self._service.begin_stop()
        await super().shutdown(sockets)


def main(folder: Path = FOLDER) -> int:
    """Parse, build, run under the settings in `folder`; return the exit code."""
    on_signal(lambda: sys.exit(0))
    gc.set_threshold(GC_OBJECTS)
    hold_standard_descriptors()
    os.umask(PRIVATE)
    sys.stderr = cast(TextIO, configure_logging(SecretMask(secrets_in(os.environ))))
    try:
        environment = read_environment(os.environ)
        for name in SECRETS:  # no child needs one
            os.environ.pop(name, None)
        daemon = build_daemon(environment, folder)
        listening = listen(environment, daemon.port)
    except SettingsError as error:
        print(f"trading-engine cannot start: {error}", file=sys.stderr)  # noqa: T201  # before any log reader
        return EXIT_SETTINGS
    for what in environment.unknown:
        log.warning("environment.unknown", reason=what)
    server = web_server(environment, daemon)
    on_signal(lambda: setattr(server, "should_exit", True))
    if environment.leave_with_stdin:
        on_end_of_stdin(lambda: setattr(server, "should_exit", True))
    host, port = listening.getsockname()[:2]
    log.info(
        "server.listening",
        url=f"http://{f'[{host}]' if ':' in host else host}:{port}",
        state_dir=str(environment.state_dir),
        token_required=environment.token is not None,
    )
    server.run(sockets=[listening])
    log.info("server.stopped")
    return 0


def web_server(environment: Environment, daemon: Daemon, clock: Clock = system_clock) -> Server:
    """Return the server of a wired daemon."""
    app = create_app(
        daemon.service,
        daemon.hub,
        environment,
        daemon.metrics,
        clock,
        limits=daemon.server,
        universe=daemon.universe,
        judgement=daemon.engines.scores,
        letters=daemon.letters,
        history=daemon.history,
    )
    app.state.settings_access = daemon.settings
    app.state.calendar = NyseCalendar()
    app.state.live_confirmation = daemon.engines.brokers.live
    app.state.backtest_runs = FileBacktestRuns(
        environment.state_dir / RUNS, daemon.engines.trading.backtest.kept_max
    )
    app.state.taxes = daemon.engines.trading.taxes
    add_mcp(app, environment, daemon.engines.trading.mcp)
    settings = configuration(app, Gate(environment).refusal, daemon.server)
    return Server(settings, daemon.service, SystemdNotifier.of(os.environ))


def configuration(
    app: ASGIApp,
    header_refusal: HeaderRefusal = lambda scope, headers: None,  # noqa: ARG005  # the shape of one
    limits: ServerSettings = ServerSettings(),  # noqa: B008  # frozen
) -> uvicorn.Config:
    """Return the server's settings: connections that no client can hold up the others by.

    Messages are not deflated: that would cost more than the send itself for each client. Pings close the
    connections of clients that are gone.
    """
    return uvicorn.Config(
        app,
        log_config=None,  # ours masks secrets
        access_log=False,
        http=cast(
            type[asyncio.Protocol],
            partial(LimitedHttpProtocol, limits=limits, header_refusal=header_refusal, unfinished={}),
        ),
        ws=cast(type[asyncio.Protocol], partial(LimitedWebSocketProtocol, limits=limits)),
        ws_max_size=MESSAGE_BYTES_MAX,
        timeout_keep_alive=limits.idle_seconds_max,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS_MAX,
    )


def on_signal(stop: Callable[[], object]) -> None:
    """Let SIGTERM and SIGINT stop the process; uvicorn has its own handlers while it runs, then raises again."""

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # the shape of a handler
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def on_end_of_stdin(stop: Callable[[], object]) -> None:
    """Stop when the parent that holds the other end of standard input is gone, however it ended."""

    def wait() -> None:
        with suppress(OSError):  # closed under us: nobody holds the other end either
            while os.read(STDIN, 4096):
                pass
        log.info("server.parent_gone")
        stop()

    threading.Thread(target=wait, daemon=True, name="parent").start()


def listen(environment: Environment, port: int) -> socket.socket:
    """Bind the port before anything is built, so that a taken one is a clear message.

    Raises
    ------
    SettingsError
        When the address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in environment.host else socket.AF_INET
    listening = socket.socket(
        family, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )  # named, so that asyncio sets TCP_NODELAY
    if os.name != "nt":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((environment.host, port))
        listening.listen(BACKLOG)  # now: two sockets may share a port until one of them listens
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"{environment.host}:{port} cannot be listened on: {error.strerror}.",
            hint=f"Stop what holds the port (lsof -i:{port}), or set TRADING_PORT.",
        ) from error
    return listening


def leave(code: int) -> None:
    """End the process now, even when a step still waits on the network: the next start recovers it."""
    with suppress(OSError, ValueError, AttributeError):  # nobody reads, no room, or closed
        sys.stdout.flush()
    drop_unwritten_output()
    if any(thread.name.startswith("engine") for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


def require_no_arguments() -> None:
    """Leave with 2 when there are any: `--port 9000` passed over would be a daemon where nobody expects one."""
    argparse.ArgumentParser(
        prog="server.py",
        description="The trading daemon. It takes no arguments.",
        epilog="It is set by the environment, such as TRADING_PORT=9000, and by config/trading.json; "
        "`trading-engine config show` lists what is in force.",
    ).parse_args()


if __name__ == "__main__":
    require_no_arguments()
    # a spawned child imports the file that is named here: the whole web server, for work that has its own
    del __file__
    leave(main())
