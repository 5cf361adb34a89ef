"""The whole daemon with ENABLE_CRON=true at Alpaca's stand-in, on a driven clock.

`python -m tests.simulation.alpaca_days 2021-11-24` prints the event log of that day, as `ENABLE_CRON=true make
run` with Alpaca's keys would tell it; the stand-in is a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.calendar import NyseCalendar
from adapters.simulated.market import SimulatedMarket
from daemon.logs import configure_logging
from tests.chaos.stand_in import broker_process
from tests.default_universe import DEFAULT, UNIVERSE
from tests.servers.alpaca_broker import KEY, SECRET, BrokerAdmin
from tests.servers.daemon import SMALL_MODELS, own_settings
from tests.simulation.desk import models
from tests.simulation.driven import POLL_SECONDS, Driven, Hear, driven, in_new_york, line

HISTORY = timedelta(days=800)
STREAM_SECONDS = 0.03
EAGER: Mapping[str, Any] = {
    **SMALL_MODELS,
    "quant": {**SMALL_MODELS["quant"], "candidate_probability_min": 0.2},
    "synthesizer": {"buy_score_min": 0.0},
    "data": {"history_years": 2},
}


class Street:
    """Moves the stand-in's clock and prices along the simulated market, times a factor of each symbol's.

    All bars up to a last day are given to the stand-in once: who asks for sessions up to yesterday's gets no
    later ones, and this process, which is measured, builds them only here.
    """

    def __init__(self, admin: BrokerAdmin, until: date) -> None:
        self.factors: dict[str, float] = {}
        self._admin = admin
        self._market = SimulatedMarket(NyseCalendar(), DEFAULT)
        self._until = until
        self.give_bars({})

    def move(self, at: datetime) -> None:
        """Stand at a moment, with its prices."""
        quotes = self._market.quotes(UNIVERSE, at)
        prices = {name: f"{quote.price * self.factors.get(name, 1.0):.2f}" for name, quote in quotes.items()}
        self._admin.call("tick", now=at.isoformat(), prices=prices)

    def give_bars(self, adjustments: Mapping[str, float]) -> None:
        """Let the stand-in have the bars, each symbol's prices times its adjustment."""
        self._admin.call("bars", **self._bars(adjustments))

    def _bars(self, adjustments: Mapping[str, float]) -> Mapping[str, Any]:
        panel = self._market.bars(UNIVERSE, self._until - HISTORY, self._until)
        stamps = [f"{session}T05:00:00Z" for session in panel.sessions]
        tables = (panel.open, panel.high, panel.low, panel.close, panel.volume)
        by = {name: adjustments.get(name, 1.0) for name in panel.symbols}
        return {
            name: [
                {
                    "t": stamp,
                    "o": o * by[name],
                    "h": h * by[name],
                    "l": low * by[name],
                    "c": c * by[name],
                    "v": v,
                    "n": 1,
                    "vw": c * by[name],
                }
                for stamp, o, h, low, c, v in zip(
                    stamps, *(table[:, column].tolist() for table in tables), strict=True
                )
                if c == c  # noqa: PLR0124  # NaN: no bar in that session
            ]
            for column, name in enumerate(panel.symbols)
        }


@dataclass(frozen=True, kw_only=True)
class Days:
    """A daemon whose broker moves with its clock."""

    driven: Driven
    street: Street
    admin: BrokerAdmin

    async def run_until(self, until: datetime) -> None:
        """Live through all that is due up to a moment, and stand there."""
        alarms, clock = self.driven.cron.alarms, self.driven.clock
        while (at := alarms.soonest(clock.now())[0]) <= until:
            self.street.move(at)
            await self.driven.next_due()
            await asyncio.sleep(STREAM_SECONDS)  # what the stream tells is settled before the clock moves on
        self.street.move(until)
        clock.set(until)


@asynccontextmanager
async def days_from(
    state: Path, at: datetime, *, settings: Path, days: int, seed: int = 7, hear: Hear | None = None, **more: str
) -> AsyncIterator[Days]:
    """Start stand-in and daemon at a moment, for so many days; the daemon has a small ranker already."""
    if not (state / "models").exists():
        shutil.copytree(models().name, state / "models")
    with broker_process(seed) as url, closing(BrokerAdmin(url)) as admin:
        street = Street(admin, at.date() + timedelta(days=days))
        street.move(at)
        variables = {"ALPACA_API_KEY": KEY, "ALPACA_SECRET_KEY": SECRET, "ALPACA_BASE_URL": url, **more}
        async with driven(state, at, settings=settings, hear=hear, DATA_PROVIDER="auto", **variables) as it:
            yield Days(driven=it, street=street, admin=admin)


def eager_settings(folder: Path, **more: Any) -> Path:
    """Give settings under which small models trade."""
    folder.mkdir()
    own_settings(folder)
    (folder / "trading.json").write_text(json.dumps({**EAGER, **more}))
    return folder


async def show(day: date) -> None:
    """Print a day's events, and the timetable after it; the daemon's own log goes to stderr."""
    configure_logging()
    with tempfile.TemporaryDirectory() as folder:
        settings, begins = eager_settings(Path(folder) / "config"), in_new_york(day, 0)
        async with days_from(
            Path(folder) / "state", begins, settings=settings, days=1, hear=lambda event: print(line(event))
        ) as it:
            await it.run_until(begins + timedelta(days=1))
            await asyncio.sleep(POLL_SECONDS)
            print(json.dumps(it.driven.status()["scheduler"], indent=2))


if __name__ == "__main__":
    asyncio.run(show(date.fromisoformat(sys.argv[1])))
