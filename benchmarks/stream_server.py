"""The servers a stream benchmark talks to: our application, and a bare uvicorn loop.

`python benchmarks/stream_server.py ours|bare PORT` obeys lines on standard input: `COUNT
PAUSE_SECONDS` sends that many messages of 200 bytes to every client. Without a pause ours publishes them from
another thread, as the engine does, and bare sends them as fast as it can.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1]))
from adapters.events.hub import EventHub
from adapters.metrics import Metrics
from api.app import create_app
from config.environment import read_environment
from server import configuration

MESSAGE_BYTES = 200
AT = datetime(2025, 6, 30, 19, 45, tzinfo=UTC)
ENVELOPE = '{"type":"signal.buy","seq":100000,"at":"2025-06-30T19:45:00Z","data":{"sent":%r,"x":"%s"}}'
FILLING = "x" * (MESSAGE_BYTES - len(ENVELOPE % (12345.123456789, "")))


class Nobody:
    """Stands where the engine is: a stream needs none."""

    def start(self) -> None: ...

    async def stop(self) -> None: ...


class Ours:
    """The daemon's application with its real hub."""

    def __init__(self) -> None:
        self._hub = EventHub()
        service: Any = Nobody()
        self.app: Any = create_app(service, self._hub, read_environment({}), Metrics())

    async def broadcast(self, count: int) -> None:
        await asyncio.to_thread(self._publish, count)

    def _publish(self, count: int) -> None:
        for _ in range(count):
            self._hub.publish("signal.buy", AT, {"sent": time.monotonic(), "x": FILLING})


class Bare:
    """What uvicorn can do at most: every client's `send`, one after the other."""

    def __init__(self) -> None:
        self._sends: dict[int, Any] = {}
        self.app: Any = self

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        self._sends[id(send)] = send
        while (await receive())["type"] != "websocket.disconnect":
            pass
        del self._sends[id(send)]

    async def broadcast(self, count: int) -> None:
        for _ in range(count):
            text = ENVELOPE % (time.monotonic(), FILLING)
            for send in list(self._sends.values()):
                await send({"type": "websocket.send", "text": text})


async def run(kind: Ours | Bare, port: int) -> None:
    loop = asyncio.get_running_loop()
    orders: asyncio.Queue[tuple[int, float]] = asyncio.Queue()

    def listen() -> None:
        for line in sys.stdin:
            count, pause = line.split()
            loop.call_soon_threadsafe(orders.put_nowait, (int(count), float(pause)))

    async def obey() -> None:
        while True:
            count, pause = await orders.get()
            for _ in range(count if pause else 1):
                await kind.broadcast(1 if pause else count)
                await asyncio.sleep(pause)

    config = configuration(kind.app)
    config.port = port
    config.ws_ping_interval = None  # the benchmark's clients answer no pings
    server = uvicorn.Server(config)
    threading.Thread(target=listen, daemon=True).start()
    working = asyncio.create_task(obey())
    await server.serve()
    working.cancel()


if __name__ == "__main__":
    kind = Ours() if sys.argv[1] == "ours" else Bare()
    asyncio.run(run(kind, int(sys.argv[2])))
