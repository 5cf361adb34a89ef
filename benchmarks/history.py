"""Gives a state folder a year behind it: the daemon's own service decides on the simulated market, day by day.

`python benchmarks/history.py STATE_DIR [SESSIONS]` writes it, `STATE_DIR=... python server.py` goes on from it.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.service import ready_service, sessions_between
from core.cycles import DECIDE_AND_SEND
from core.types import TradingState

SESSIONS = 252
BEFORE_CLOSE = timedelta(minutes=15)


def moments(sessions: int) -> list[datetime]:
    """Give a quarter of an hour before each of the last sessions' closes."""
    now = datetime.now(UTC)
    listed = sessions_between((now - timedelta(days=2 * sessions)).date(), now.date())
    return [closes_at - BEFORE_CLOSE for _, closes_at in listed if closes_at < now][-sessions:]


async def write(state: Path, sessions: int = SESSIONS) -> int:
    """Write the year down; give the number of fills."""
    days, fills = moments(sessions), 0
    async with ready_service(state, days[0]) as (service, clock):
        for day in days:
            clock.set(day)
            report = await service.step(DECIDE_AND_SEND)
            fills += len(report.fills)
            if report.plan.state is not TradingState.ACTIVE:
                await service.resume()  # so that the year goes on
    return fills


if __name__ == "__main__":
    print(asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else SESSIONS)), "fills")
