"""The stand-in broker's trade_updates stream: authenticate, listen, then each event as it comes."""

from __future__ import annotations

import json
import select
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from tests.servers.alpaca_broker_book import Book
from tests.servers.local_http import Asked

POLL_SECONDS = 0.02


@dataclass
class Stream:
    """Speaks with one client until it leaves, or a fault cuts or freezes the connection."""

    book: Book
    key: str
    secret: str
    ended: threading.Event

    def talk(self, asked: Asked, connection: socket.socket) -> None:
        protocol = ServerProtocol()
        headers = "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
        protocol.receive_data(f"GET {asked.path} HTTP/1.1\r\n{headers}\r\n".encode())
        for event in protocol.events_received():
            assert isinstance(event, Request)
            protocol.send_response(protocol.accept(event))
        with suppress(OSError):
            _Talk(self, protocol, connection).run()


class _Talk:
    def __init__(self, stream: Stream, protocol: ServerProtocol, connection: socket.socket) -> None:
        self.stream, self.protocol, self.connection = stream, protocol, connection
        self.authorized = False
        self.sent: int | None = None

    def run(self) -> None:
        while not self.stream.ended.is_set():
            self._flush()
            if self.protocol.state is State.CLOSED:
                return
            self._read()
            fault = self._send_events()
            if fault == "stream_cut":
                return
            if fault == "stream_frozen":
                self._freeze()
                return

    def _flush(self) -> None:
        for data in self.protocol.data_to_send():
            if not data:
                self.connection.shutdown(socket.SHUT_WR)
            else:
                self.connection.sendall(data)

    def _read(self) -> None:
        ready, _, _ = select.select([self.connection], [], [], POLL_SECONDS)
        if not ready:
            return
        data = self.connection.recv(65536)
        if data:
            self.protocol.receive_data(data)
        else:
            self.protocol.receive_eof()
        for frame in self.protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode in (Opcode.TEXT, Opcode.BINARY):
                self._hear(json.loads(bytes(frame.data)))

    def _hear(self, message: dict[str, Any]) -> None:
        told = message.get("data", message)
        if message["action"] in ("authenticate", "auth"):
            given = (told.get("key_id", told.get("key")), told.get("secret_key", told.get("secret")))
            self.authorized = given == (self.stream.key, self.stream.secret)
            status = "authorized" if self.authorized else "unauthorized"
            self._say("authorization", {"status": status, "action": "authenticate"})
        elif message["action"] == "listen" and self.authorized:
            self.sent = len(self.stream.book.events) if "trade_updates" in told["streams"] else None
            self._say("listening", {"streams": told["streams"]})

    def _send_events(self) -> str:
        """Send what is new; say which fault then befalls the connection."""
        if self.sent is None:
            return ""
        book = self.stream.book
        with book.lock:
            fresh, self.sent = book.events[self.sent :], len(book.events)
        for row in fresh:
            self._say("trade_updates", row)
            self._flush()
            dice = book.faults.dice("stream")
            for fault in ("stream_cut", "stream_frozen"):
                if book.faults.happens(fault, dice):
                    return fault
        return ""

    def _freeze(self) -> None:
        """Stay connected and do nothing more, as a peer does whose cable was pulled."""
        while not self.stream.ended.wait(POLL_SECONDS):
            ready, _, _ = select.select([self.connection], [], [], 0)
            if ready and not self.connection.recv(65536):
                return

    def _say(self, stream: str, data: dict[str, Any]) -> None:
        self.protocol.send_binary(json.dumps({"stream": stream, "data": data}).encode())
