"""The whole daemon on the default route over a split: `python -m tests.simulation.split_day` prints its log.

Yahoo is a stand-in that shows the simulated market. The daemon trades as it likes for a morning; the largest of
its positions splits 4-for-1 on the next day, with a dividend on top.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import numpy as np

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.feeds import providers
from adapters.simulated.market import SimulatedMarket
from adapters.yahoo.bars import YfinanceBars
from core.times import market_date, opening
from core.types import BarPanel, Position
from daemon.logs import configure_logging
from tests.default_universe import DEFAULT, UNIVERSE
from tests.servers.daemon import own_settings
from tests.servers.yahoo import VENDOR_FOLDER, Row, Yahoo, yahoo_server
from tests.simulation.driven import driven, in_new_york

CALENDAR = NyseCalendar()
DAY_BEFORE, SPLIT_DAY = date(2025, 11, 20), date(2025, 11, 21)
RATIO, DIVIDEND_PCT = 4, 0.01


@dataclass
class SplittingMarket:
    """Shows the simulated market as Yahoo would by the clock; one symbol splits and pays on `SPLIT_DAY`."""

    yahoo: Yahoo
    begins: datetime
    clock: ManualClock | None = None
    symbol: str = ""
    market: SimulatedMarket = field(default_factory=lambda: SimulatedMarket(CALENDAR, DEFAULT))
    shown: set[date] = field(default_factory=set)

    def show(self, _: str) -> int:
        """Bring what Yahoo answers up to the clock's moment."""
        now = self.clock.now() if self.clock else self.begins
        effective = bool(self.symbol) and now >= opening(SPLIT_DAY)
        panel = self.market.bars(UNIVERSE, date(2020, 11, 2), market_date(now))
        rows = panel.rows_known(now)
        if len(self.yahoo.rows.get("SPY", ())) != rows or effective != bool(self.yahoo.splits):
            self.yahoo.rows = {name: self._rows(panel.prefix(rows), name, effective) for name in UNIVERSE}
            self.yahoo.splits = {self.symbol: {SPLIT_DAY: (RATIO, 1)}} if effective else {}
            self.yahoo.dividends = {self.symbol: {SPLIT_DAY: self._dividend(panel)}} if effective else {}
        seen = self.market.quotes(UNIVERSE, now)
        minute = now.replace(second=0, microsecond=0)
        self.yahoo.minutes = {
            name: [(minute, self._price(panel, name, quote.price, effective))] for name, quote in seen.items()
        }
        return 200

    def _rows(self, panel: BarPanel, name: str, effective: bool) -> list[Row]:
        column = panel.column[name]
        scale = RATIO if effective and name == self.symbol else 1
        factor = 1 - DIVIDEND_PCT if effective and name == self.symbol else 1.0
        table = np.stack([getattr(panel, field)[:, column] for field in ("open", "high", "low", "close")], axis=1)
        return [
            (day, *(table[row] / scale).tolist(), float(table[row, 3]) / scale * factor, 5_000_000)
            for row, day in enumerate(panel.dates[: len(table)])
        ]

    def _dividend(self, panel: BarPanel) -> float:
        before = np.flatnonzero(panel.sessions < np.datetime64(SPLIT_DAY, "D"))[-1]
        return float(panel.close[before, panel.column[self.symbol]]) / RATIO * DIVIDEND_PCT

    def _price(self, panel: BarPanel, name: str, price: float, effective: bool) -> float:
        return price / RATIO - self._dividend(panel) if effective and name == self.symbol else price


def _quantities(positions: Mapping[str, Position]) -> str:
    return ", ".join(f"{name} {position.quantity}" for name, position in positions.items())


async def show(folder: Path, yahoo: Yahoo) -> None:
    """Live through the evening before and the morning of the split."""
    begins = in_new_york(DAY_BEFORE, 9, 10)
    market = SplittingMarket(yahoo, begins)
    yahoo.status = market.show
    providers._yahoo = lambda _: YfinanceBars(  # type: ignore[assignment]  # the one place that leads to Yahoo
        vendor_folder=VENDOR_FOLDER, timeout_seconds=30.0, session=yahoo.session()
    )
    (folder / "config").mkdir()
    own_settings(folder / "config")
    settings = folder / "config"
    async with driven(folder / "state", begins, settings=settings, DATA_PROVIDER="yfinance") as it:
        market.clock = it.clock
        await it.run_until(in_new_york(DAY_BEFORE, 10, 35))
        engine = it.daemon.service.engine
        assert engine is not None
        held = engine.portfolio.positions
        assert held, "it bought nothing: choose another day"
        market.symbol = max(held.values(), key=lambda position: position.value).symbol
        print(f"--- holds {_quantities(held)}; {market.symbol} splits", file=sys.stderr)
        it.clock.set(in_new_york(DAY_BEFORE, 15, 55))
        await it.run_until(in_new_york(SPLIT_DAY, 10, 5))
        held = engine.portfolio.positions
        print(f"--- holds {_quantities(held)}", file=sys.stderr)
        await asyncio.sleep(0)


def main() -> None:
    """Print the log."""
    configure_logging()
    with tempfile.TemporaryDirectory() as folder, yahoo_server(Yahoo()) as yahoo:
        asyncio.run(show(Path(folder), yahoo))


if __name__ == "__main__":
    main()
