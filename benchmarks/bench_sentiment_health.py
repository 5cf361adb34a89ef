"""`/health` while FinBERT scores: the daemon, a random BERT-base, and thousands of headlines in the queue.

The daemon is `server.main` with a settings folder of its own (a news archive) on recorded bars that this script
makes. The model is exported first, outside the measurement; `/health` is asked over one connection, paced.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import ROOT, Child, free_port, get, wait_until

HEADLINES, SECONDS, PAUSE_SECONDS, P99_MS_MAX = 5_000, 20.0, 0.005, 50.0


def serve(folder: Path) -> None:
    import server
    from daemon.wiring import build_daemon

    vars(server)["build_daemon"] = lambda environment: build_daemon(environment, folder)
    server.leave(server.main())


def prepare(place: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from benchmarks.bench_sentiment_serving import write_model
    from config.sectors import STOCKS
    from tests.panels import make_panel

    panel = make_panel(1, 700)
    rows, columns = panel.close.shape
    table: dict[str, Any] = {
        "date": panel.sessions.repeat(columns).astype("datetime64[ms]"),
        "ticker": list(panel.symbols) * rows,
    }
    table |= {name: getattr(panel, name).ravel() for name in ("open", "high", "low", "close", "volume")}
    pq.write_table(pa.table({**table, "adj_close": table["close"]}), place / "bars.parquet")
    day = str(panel.sessions[-1])
    lines = [f"{day}T12:00:00Z,{STOCKS[n % 64]},{headline(n)}" for n in range(HEADLINES)]
    (place / "news.csv").write_text("\n".join(["date,ticker,headline", *lines]) + "\n")
    config = place / "config"
    config.mkdir()
    for name in ("trading.default.json", "risk.default.json"):
        shutil.copy(ROOT / "config" / name, config / name)
    shutil.copytree(ROOT / "config" / "profiles", config / "profiles")
    (config / "trading.json").write_text(
        json.dumps({"sentiment": {"archive": str(place / "news.csv"), "stories_max": 200}})
    )
    write_model(place / "model")


def headline(number: int) -> str:
    words = " ".join(f"word{(number * 7919 + k * 104_729) % 30_000}" for k in range(12 + number % 20))
    return f"Item {number} {words}"


def card(port: int) -> Any:
    return json.loads(get(port, "/status")[1])["models"]["sentiment"]


def ask(port: int, seconds: float) -> list[float]:
    connection, times = HTTPConnection("127.0.0.1", port, timeout=10), []
    limit = time.perf_counter() + seconds
    while time.perf_counter() < limit:
        began = time.perf_counter()
        connection.request("GET", "/health")
        answer = connection.getresponse()
        answer.read()
        times.append(1000 * (time.perf_counter() - began))
        assert answer.status == 200
        time.sleep(PAUSE_SECONDS)
    return sorted(times)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        subprocess.run([sys.executable, __file__, "--prepare", folder], check=True, capture_output=True)
        port = free_port()
        variables = {
            "DATA_PROVIDER": f"parquet:{place / 'bars.parquet'}", "STATE_DIR": str(place / "state"),
            "TRADING_PORT": str(port), "FINBERT_PATH": str(place / "model"), "HF_HUB_OFFLINE": "1",
        }  # fmt: skip
        with Child([sys.executable, __file__, "--serve", str(place / "config")], variables) as daemon:
            wait_until(lambda: get(port, "/ready")[0] == 200, 120, 0.2)
            wait_until(lambda: "finbert" in str(card(port)["model_id"]), 400, 1.0)
            wait_until(lambda: b'"running"' not in get(port, "/jobs")[1], 400, 0.5)
            idle = ask(port, SECONDS / 4)
            assert get(port, "/decide/v3", "POST", 60.0)[0] == 200
            before = card(port)["waiting"]
            busy = ask(port, SECONDS)
            left, memory = card(port)["waiting"], daemon.resident_mb
    assert before > left > 0, (before, left)
    p99 = busy[int(0.99 * len(busy))]
    print(
        json.dumps(
            {
                "bench": "sentiment_health",
                "scored_per_second": round((before - left) / SECONDS, 1),
                "health_asked": len(busy),
                "p50_ms": round(busy[len(busy) // 2], 2),
                "p99_ms": round(p99, 2),
                "max_ms": round(busy[-1], 2),
                "p99_ms_idle": round(idle[int(0.99 * len(idle))], 2),
                "p99_ms_max": P99_MS_MAX,
                "daemon_resident_mb": round(memory),
                "reached": p99 <= P99_MS_MAX,
                "cores": os.cpu_count(),
            }
        )
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["--prepare"]:
        prepare(Path(sys.argv[2]))
    else:
        main()
