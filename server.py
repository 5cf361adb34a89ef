"""The daemon: `python server.py` listens on 127.0.0.1:8787 until SIGTERM or SIGINT."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from types import FrameType

import uvicorn

from api.app import create_app
from config.environment import Environment, read_environment
from core.errors import SettingsError
from pipeline.bootstrap import build_service
from pipeline.logs import configure_logging

EXIT_SETTINGS = 2
SHUTDOWN_SECONDS_MAX = 3


def main() -> int:
    """Parse, build, run; give the exit code."""
    configure_logging()
    try:
        environment = read_environment(os.environ)
        service = build_service(environment)
        listening = listen(environment, service.port)
    except SettingsError as error:
        print(f"trading-engine cannot start: {error}", file=sys.stderr)  # noqa: T201  # before any log reader
        return EXIT_SETTINGS
    app = create_app(service, service.hub, environment)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            ws="websockets-sansio",
            timeout_graceful_shutdown=SHUTDOWN_SECONDS_MAX,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _already_stopping)
    server.run(sockets=[listening])
    return 0


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
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"{environment.host}:{port} cannot be listened on: {error.strerror}.",
            hint="Stop what holds the port (lsof -i:8787), or set TRADING_PORT.",
        ) from error
    return listening


def _already_stopping(number: int, frame: FrameType | None) -> None:
    """Take the signal that uvicorn raises again after its clean stop, so that the exit code is 0."""


def leave(code: int) -> None:
    """End the process now, even when a step still waits on the network: the next start recovers it."""
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.name.startswith("engine") for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())
