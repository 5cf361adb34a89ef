"""The servers a stream benchmark talks to: our application, a bare uvicorn loop, the whole daemon on a busy day.

`python benchmarks/stream_server.py ours|bare|day PORT [STATE_DIR]` obeys lines on standard input: `COUNT
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
from daemon.wiring import build_daemon
from server import configuration

MESSAGE_BYTES = 200
AT = datetime(2025, 6, 30, 19, 45, tzinfo=UTC)
ENVELOPE = '{"type":"signal.buy","seq":100000,"at":"2025-06-30T19:45:00Z","data":{"sent":%r,"x":"%s"}}'
FILLING = "x" * (MESSAGE_BYTES - len(ENVELOPE % (12345.123456789, "")))


BOOK = {"equity": "101000.25", "cash": "20000", "positions": {}, "daily_return": 0.001, "drawdown": -0.01}
DAY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("regime.update", {"regime": "low_vol", "probabilities": {"low_vol": 0.98, "high_vol": 0.02}}),
    *(("signal.buy", {"ticker": f"T{number}", "score": 0.5, "rule": "score"}) for number in range(8)),
    ("decision.made", {"cycle": "decide", "approved": ["KO"], "refused": ["PG"], "unchanged": 6}),
    ("order.submitted", {"ticker": "KO", "side": "buy", "quantity": "10", "status": "submitted"}),
    ("order.filled", {"ticker": "KO", "side": "buy", "quantity": "10", "price": "60.10"}),
    ("order.refused", {"ticker": "PG", "rule": "max_positions", "limit": "10", "observed": "11"}),
    ("risk.alert", {"message": "a drill"}),
    ("job.progress", {"kind": "train", "status": "running", "progress": 0.5}),
    ("portfolio.update", BOOK),
)


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


class Day:
    """The whole daemon on the simulated market; a message is the next event of a busy day."""

    def __init__(self, state: str) -> None:
        environment = read_environment({"DATA_PROVIDER": "simulated", "STATE_DIR": state})
        self._daemon = build_daemon(environment)
        self._number = 0
        self.app: Any = create_app(self._daemon.service, self._daemon.hub, environment, self._daemon.metrics)

    async def broadcast(self, count: int) -> None:
        for _ in range(count):
            topic, data = DAY[self._number % len(DAY)]
            self._number += 1
            newest = self._daemon.service.last_decision
            if topic == "decision.made" and newest:
                data = data | {"decision_id": newest.decision_id}
            self._daemon.hub.publish(topic, datetime.now(UTC), data)


async def run(kind: Ours | Bare | Day, port: int) -> None:
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
    kind = Day(sys.argv[3]) if sys.argv[1] == "day" else Ours() if sys.argv[1] == "ours" else Bare()
    asyncio.run(run(kind, int(sys.argv[2])))
