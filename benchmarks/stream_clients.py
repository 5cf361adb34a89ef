"""Many WebSocket clients in one process, as cheap as they come: each hands on the frames it gets."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable

HEADER_SHORT, HEADER_LONG, LENGTH_SHORT_MAX = 2, 4, 125
Took = Callable[[bytes], None]


class Client(asyncio.Protocol):
    """One connection; calls `took` with each frame's payload."""

    def __init__(self, took: Took) -> None:
        self._took = took
        self._rest = b""
        self.open = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if not self.open.done():
            head, end, data = data.partition(b"\r\n\r\n")
            if not (end and head.startswith(b"HTTP/1.1 101")):
                self.open.set_exception(ConnectionError(head.decode()))
                return
            self.open.set_result(None)
        at, end_of_data = 0, len(data)
        while end_of_data - at >= HEADER_LONG:
            length, start = data[at + 1], at + HEADER_SHORT
            if length > LENGTH_SHORT_MAX:
                length, start = int.from_bytes(data[at + 2 : at + 4]), at + HEADER_LONG
            if start + length > end_of_data:
                break
            if data[at] == 0x81:
                self._took(data[start : start + length])
            at = start + length
        self._rest = data[at:]


async def connect(port: int, took: Took) -> Client:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(took), "127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    client.transport.write(
        f"GET /ws/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await client.open
    return client
