"""What telling a person costs a step: the same steps with nobody told, and with a receiver that never answers.

Two engines step in turns through the same moments of the simulated market: a risk check every five minutes and a
decision before the close. Prints one JSON line with the percentiles of a step of each, milliseconds.

    python -m tests.simulation.notify_cost [--sessions 20]
"""

from __future__ import annotations

import argparse
import json
import socket
import tempfile
import time
from datetime import timedelta
from pathlib import Path

CHECKS_A_SESSION = 60


def percentile(values: list[float], share: float) -> float:
    return round(sorted(values)[int(share * (len(values) - 1))] * 1000, 4)


def measure(sessions: int, folder: Path) -> dict[str, object]:
    from pydantic import SecretStr

    from adapters.clock import SystemClock
    from config.environment import Environment
    from config.notify import NotifySettings
    from config.trading import TradingSettings
    from core.cycles import RISK_CHECK
    from daemon.wiring.notifications import NotificationService
    from tests.simulation.desk import moments, open_desk
    from tests.simulation.test_notifications_kill import NoService

    silent = socket.create_server(("127.0.0.1", 0), backlog=1)  # takes a connection, never answers
    trading = TradingSettings(notify=NotifySettings(collect_seconds=0.0, retry_seconds_max=1.0))
    url = SecretStr(f"json://127.0.0.1:{silent.getsockname()[1]}/")
    desks = [open_desk(folder / name) for name in ("untold", "told")]
    environment = Environment(state_dir=folder / "told", notify_urls=(url,))
    service = NotificationService(environment, trading, SystemClock())
    service.start(NoService())  # type: ignore[arg-type]
    desks[1].hub.add_listener(service.hear)
    taken: list[list[float]] = [[], []]
    days = moments()[: 2 * sessions]
    for (opens, _), decides in zip(days[::2], days[1::2], strict=True):
        checks = [(opens + timedelta(minutes=5 * n), RISK_CHECK) for n in range(CHECKS_A_SESSION)]
        for number, (at, cycle) in enumerate([*checks, decides]):
            for which in (number % 2, 1 - number % 2):
                desks[which].clock.set(at)
                began = time.perf_counter()
                desks[which].engine.step(cycle)
                taken[which].append(time.perf_counter() - began)
    waiting = service.card()["receivers"][0]["waiting"]
    assert waiting, "much waits for a receiver that never answers"
    service.stop()
    silent.close()
    for desk in desks:
        desk.close()
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    untold, told = ({name: percentile(times, share) for name, share in shares.items()} for times in taken)
    return {"name": "notify", "steps": len(taken[0]), "waiting": waiting, "untold_ms": untold, "told_ms": told}


def main() -> None:
    wanted = argparse.ArgumentParser()
    wanted.add_argument("--sessions", type=int, default=20)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(wanted.parse_args().sessions, Path(folder))))


if __name__ == "__main__":
    main()
