"""A stream whose other side takes the connection and says nothing is begun anew."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from websockets.http11 import Request
from websockets.server import ServerProtocol

from adapters.alpaca import http, news, trade_updates
from adapters.alpaca.news import AlpacaNewsStream
from adapters.alpaca.trade_updates import TradeUpdates
from tests.servers.local_http import Asked, Upgrade, local_server


def trading(url: str) -> Any:
    def make() -> Any:
        return trade_updates.connect_stream("key", "secret", paper=True, url_override=url)

    return TradeUpdates(make, lambda: None)


def headlines(url: str) -> Any:
    return AlpacaNewsStream(news.connect_stream("key", "secret", url_override=url), ("AAPL",), print)


@pytest.mark.parametrize("stream_at", [trading, headlines])
def test_a_handshake_that_nobody_answers_ends(
    stream_at: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "HANDSHAKE_SECONDS_MAX", 0.3)
    connections = threading.Semaphore(0)

    def take_and_say_nothing(asked: Asked, connection: socket.socket) -> None:
        protocol = ServerProtocol()
        headers = "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
        protocol.receive_data(f"GET {asked.path} HTTP/1.1\r\n{headers}\r\n".encode())
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        protocol.send_response(protocol.accept(request))
        with suppress(OSError):
            connection.sendall(b"".join(protocol.data_to_send()))
            connections.release()
            while data := connection.recv(65536):  # it answers to being closed, and to nothing else
                protocol.receive_data(data)
                connection.sendall(b"".join(protocol.data_to_send()))
                if protocol.close_expected():
                    return

    with local_server(lambda _: Upgrade(take_and_say_nothing)) as port:
        stream = stream_at(f"ws://127.0.0.1:{port}/stream")
        stream.start()
        try:
            assert all(connections.acquire(timeout=40) for _ in range(2))
        finally:
            stream.stop()
            thread: threading.Thread = stream._thread
    thread.join(20)
