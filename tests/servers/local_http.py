"""The HTTP that all stand-ins of vendors share: a local port, threads, and one function that answers."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request: `query` keeps the first value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response; `body` is sent as it is when it is bytes, else as JSON; None has no body."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """No response: the connection is closed."""


@dataclass(frozen=True)
class Hold:
    """No response, and the socket stays open: the client waits until its own limit."""


@dataclass(frozen=True)
class Upgrade:
    """No HTTP any more: the socket is handed over."""

    talk: Callable[[Asked, socket.socket], None]


Outcome = Answer | Cut | Hold | Upgrade


@contextmanager
def local_server(answer: Callable[[Asked], Outcome], port: int = 0) -> Iterator[int]:
    """Serve on a port of the loopback in threads of this process; at the end all connections are closed."""
    server = _Server(("127.0.0.1", port), request_handler(answer))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.end_connections()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.ended = threading.Event()
        self._open: set[socket.socket] = set()

    def finish_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self._open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no error of ours."""

    def end_connections(self) -> None:
        self.ended.set()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def request_handler(answer: Callable[[Asked], Outcome]) -> type[BaseHTTPRequestHandler]:
    """Make the class that reads requests and sends what `answer` gives."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True
        server: _Server

        def _serve(self) -> None:
            asked = self._asked()
            outcome = answer(asked)
            if isinstance(outcome, Answer):
                self._send(outcome)
                return
            self.close_connection = True
            if isinstance(outcome, Hold):
                self.server.ended.wait(60)
            elif isinstance(outcome, Upgrade):
                outcome.talk(asked, self.connection)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

        def _asked(self) -> Asked:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            return Asked(
                method=self.command,
                path=parts.path,
                query={name: values[0] for name, values in parse_qs(parts.query).items()},
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
            )

        def _send(self, outcome: Answer) -> None:
            body = outcome.body
            payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
            self.send_response(outcome.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            for name, value in outcome.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: Any) -> None:
            """Keep the test's output clean."""

    return Handler
