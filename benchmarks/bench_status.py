"""`GET /status` against a bare FastAPI endpoint that returns the same bytes, in one run, interleaved.

The daemon runs as itself (`python server.py`, simulated market); the peer is a child of this script. Both are
asked over one keep-alive connection by the same raw client, so that the client costs little and the same.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import Child, Daemon, free_port, get, wait_until

ROUNDS = 7
SECONDS_PER_ROUND = 1.5


async def requests_per_second(port: int, seconds: float) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET /status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        count += 1
    writer.close()
    return count / elapsed


def bare(port: int, path: str) -> None:
    import uvicorn
    from fastapi import FastAPI, Response

    body = Path(path).read_bytes()
    app = FastAPI()

    @app.get("/status")
    async def status() -> Response:
        return Response(body, media_type="application/json")

    uvicorn.run(app, port=port, log_level="warning", access_log=False)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, Daemon(Path(folder) / "state") as daemon:
        daemon.wait_idle()
        body = get(daemon.port, "/status")[1]
        copy = Path(folder) / "status.json"
        copy.write_bytes(body)
        port = free_port()
        with Child([sys.executable, __file__, "bare", str(port), str(copy)], {}):
            wait_until(lambda: get(port, "/status")[0] == 200, 20)
            ours, peer = [], []
            for _ in range(ROUNDS):
                ours.append(asyncio.run(requests_per_second(daemon.port, SECONDS_PER_ROUND)))
                peer.append(asyncio.run(requests_per_second(port, SECONDS_PER_ROUND)))
    ratio = statistics.median(a / b for a, b in zip(ours, peer, strict=True))
    print(
        json.dumps(
            {
                "bench": "status",
                "status_per_second": round(statistics.median(ours)),
                "bare_fastapi_per_second": round(statistics.median(peer)),
                "ratio": round(ratio, 3),
                "ratio_min": 0.6,
                "bytes": len(body),
                "reached": ratio >= 0.6,
            }
        )
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["bare"]:
        bare(int(sys.argv[2]), sys.argv[3])
    else:
        main()
