"""`/health` and `/halt` of a daemon with a token while 50 hostile clients press it, in turns with none.

Of the clients 20 send bodies in one-byte chunks without the token, 10 send their headers byte by byte, 10 open
the stream and flood it with one-byte fragments, 10 with pings; who is closed comes back at once. They run in a
process of their own. Each `/health` is on a connection of its own. Prints one JSON line, in milliseconds.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import Child, free_port, get, wait_until

TOKEN = "a token for measuring only"
AUTHORIZATION = f"Authorization: Bearer {TOKEN}\r\n"
CLIENTS = {"chunks": 20, "headers": 10, "fragments": 10, "pings": 10}
SECONDS, REQUESTS_A_SECOND = 20.0, 20
HEALTH_P99_MS_MAX, HALT_MS_MAX = 100.0, 1000.0
MASKED = 0x80  # a client's frames are masked (RFC 6455, section 5.3), here by zeros
FRAGMENT = bytes([0x00, MASKED | 1, 0, 0, 0, 0, ord("x")])
FIRST_FRAGMENT = bytes([0x01]) + FRAGMENT[1:]
PING = bytes([0x89, MASKED | 1, 0, 0, 0, 0, ord("x")])


async def chunks(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /decide/v3 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n"
    writer.write((head + "Content-Type: application/json\r\n\r\n").encode() + b"1\r\nx\r\n" * 80_000)
    await writer.drain()
    await reader.read()
    writer.close()


async def headers(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    for byte in f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode() + b"X: y\r\n" * 1000:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def flood(port: int, first: bytes, frame: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    head = f"GET /ws/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{AUTHORIZATION}\r\n"
    writer.write(head.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in answer, answer
    writer.write(first)
    while not reader.at_eof():
        writer.write(frame * 5_000)
        await writer.drain()
    writer.close()


async def hostile(port: int) -> None:
    async def again(kind: str) -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                if kind == "chunks":
                    await chunks(port)
                elif kind == "headers":
                    await headers(port)
                else:
                    await flood(port, *((FIRST_FRAGMENT, FRAGMENT) if kind == "fragments" else (b"", PING)))
            await asyncio.sleep(0.05)

    await asyncio.gather(*(again(kind) for kind, count in CLIENTS.items() for _ in range(count)))


def milliseconds(port: int, method: str, path: str) -> float:
    began = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers={"Authorization": f"Bearer {TOKEN}"})
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == 200, response.status
    return 1000 * (time.perf_counter() - began)


def measure(port: int) -> dict[str, float]:
    times, until = [], time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        times.append(milliseconds(port, "GET", "/health"))
        time.sleep(1 / REQUESTS_A_SECOND)
    halts = [milliseconds(port, "POST", "/halt") for _ in range(5)]
    p50, p99 = np.percentile(times, [50, 99])
    found = {"requests": len(times), "health_p50": p50, "health_p99": p99, "health_max": max(times)}
    return {name: round(float(value), 1) for name, value in (found | {"halt_max": max(halts)}).items()}


def main() -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        variables = {"DATA_PROVIDER": "simulated", "STATE_DIR": folder, "TRADING_PORT": str(port)}
        with Child([sys.executable, "server.py"], {**variables, "TRADING_API_TOKEN": TOKEN}):
            wait_until(lambda: get(port, "/health")[0] == 200, 60)
            wait_until(lambda: json.loads(get(port, "/health")[1])["models_loaded"], 600, 0.5)
            alone = measure(port)
            clients = subprocess.Popen([sys.executable, __file__, str(port)])
            try:
                time.sleep(1)
                pressed = measure(port)
                assert clients.poll() is None, "the hostile clients have ended"
            finally:
                clients.kill()
                clients.wait()
    held = pressed["health_p99"] <= HEALTH_P99_MS_MAX and pressed["halt_max"] <= HALT_MS_MAX
    print(json.dumps({"bench": "hostile", "alone": alone, "pressed": pressed, "held": held}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(hostile(int(sys.argv[1])))
    else:
        main()
