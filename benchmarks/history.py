"""Gives a state folder a year behind it: the daemon's own engine decides on the simulated market, day by day.

`python benchmarks/history.py STATE_DIR [SESSIONS]` writes it, `STATE_DIR=... python server.py` goes on from it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from config.environment import read_environment
from core.cycles import DECIDE
from core.types import TradingState
from daemon.wiring import build_daemon

SESSIONS = 252
BEFORE_CLOSE = timedelta(minutes=15)
SUBMIT = replace(DECIDE, submits=True)


def moments(sessions: int) -> list[datetime]:
    """Give a quarter of an hour before each of the last sessions' closes."""
    now = datetime.now(UTC)
    listed = NyseCalendar().sessions((now - timedelta(days=2 * sessions)).date(), now.date())
    return [closes - BEFORE_CLOSE for _, _, closes in listed if closes < now][-sessions:]


def write(state: Path, sessions: int = SESSIONS) -> int:
    """Write the year down; give the number of fills."""
    days = moments(sessions)
    clock = ManualClock(days[0])
    environment = read_environment({"DATA_PROVIDER": "simulated", "STATE_DIR": str(state)})
    daemon = build_daemon(environment, clock=clock)
    engine, fills = daemon.engines.build(lambda: None), 0
    for day in days:
        clock.set(day)
        fills += len(engine.step(SUBMIT).fills)
        if engine.state is not TradingState.ACTIVE:
            engine.resume("resumed, so that the year goes on")
    daemon.close()
    return fills


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else SESSIONS), "fills")
