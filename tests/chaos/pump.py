"""The stand-in broker served by the very thread that asks it, over a real loopback connection.

A request waits in the socket until the client turns to read the answer; then, and only then, it is answered.
So a run has one order of events however busy the machine is, and a time-out means that no answer was sent.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from tests.servers.alpaca_broker import AlpacaBroker
from tests.servers.local_http import Answer, Hold, request_handler

DELIVERY_SECONDS_MAX = 30.0


class Pump:
    """Answers what has been asked of a broker so far.

    Attributes
    ----------
    url : str
        Where the broker listens.
    """

    def __init__(self, broker: AlpacaBroker) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._talks: dict[socket.socket, Any] = {}
        self._held: list[tuple[socket.socket, Any]] = []
        self._handler = _handler_of(broker)
        self.url = broker.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def work(self) -> None:
        """Answer every request that waits."""
        while ready := select.select([self._listening, *self._talks], [], [], 0)[0]:
            for connection in ready:
                if connection is self._listening:
                    accepted, address = self._listening.accept()
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._talks[accepted] = self._handler(accepted, address)
                else:
                    self._answer(connection)

    def answer(self, client: socket.socket) -> None:
        """Answer until a client has something to read, or what it asked is held back.

        On a busy machine the kernel may hand a request, or its answer, to the other end of the loopback later
        than it was sent: the client's time-out must not run meanwhile.
        """
        while not self._holds(client):
            ready = select.select([client, self._listening, *self._talks], [], [], DELIVERY_SECONDS_MAX)[0]
            self.work()
            if client in ready or not ready:
                return

    def serve(self, adapter: HTTPAdapter) -> None:
        """Let an adapter's connections work the pump before they read."""
        answer = self.answer

        class Connection(HTTPConnection):
            def getresponse(self) -> Any:
                answer(self.sock)
                return super().getresponse()

        class Pool(HTTPConnectionPool):
            ConnectionCls = Connection

        adapter.poolmanager.pool_classes_by_scheme = {"http": Pool}

    def close(self) -> None:
        """Close every connection."""
        self._listening.close()
        for connection, talk in (*self._talks.items(), *self._held):
            talk.finish()
            connection.close()

    def _holds(self, client: socket.socket) -> bool:
        return any(talk.client_address == client.getsockname() for _, talk in self._held)

    def _answer(self, connection: socket.socket) -> None:
        talk = self._talks[connection]
        talk.handle_one_request()
        if talk.close_connection:
            del self._talks[connection]
            if talk.held:
                self._held.append((connection, talk))
            else:
                talk.finish()
                connection.close()


@contextmanager
def pumped(broker: AlpacaBroker) -> Iterator[Pump]:
    """Serve a broker from this thread."""
    pump = Pump(broker)
    try:
        yield pump
    finally:
        pump.close()


def _handler_of(broker: AlpacaBroker) -> Any:
    base: Any = request_handler(broker.answer)

    class Talk(base):  # type: ignore[misc]  # made at run time
        """Handles one request at a time, when told to."""

        def __init__(self, connection: socket.socket, address: Any) -> None:
            self.request, self.client_address, self.server = connection, address, None
            self.held = False
            self.setup()

        def _serve(self) -> None:
            outcome = broker.answer(self._asked())
            if isinstance(outcome, Answer):
                self._send(outcome)
                return
            self.close_connection, self.held = True, isinstance(outcome, Hold)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve

    return Talk
