"""A backtest within the day: the risk check runs on five-minute bars where there are any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from adapters.calendar import NyseCalendar
from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore
from adapters.parquet.intraday_bars import BAR, FiveMinuteBars, footing_of
from backtest.report import IntradayCoverage
from backtest.runner import ScheduledStep
from config.broker import BrokerSettings
from core.brackets import Bracket
from core.cycles import DECIDE, RISK_CHECK
from core.errors import SettingsError
from core.ports import Clock
from core.times import market_date
from core.types import BarPanel, MarketView, Settlement

DECIDES = replace(DECIDE, submits=True, protects=True)


class IntradayBroker(PaperBroker):
    """A paper broker that leaves to the risk check what has five-minute bars.

    Stops and targets rest against the daily bar; in a session, those of tickers with five-minute bars are
    lifted at its opening, since the check watches them from then on.
    """

    def __init__(self, settings: BrokerSettings, clock: Clock, bars: FiveMinuteBars) -> None:
        super().__init__(settings, clock, InMemoryPaperStore())
        self._five = bars
        self._resting: Sequence[Bracket] = ()

    def protect(self, protections: Sequence[Bracket]) -> None:
        """Hold these stops and targets, and no others."""
        self._resting = protections
        super().protect(protections)

    def settle(self, view: MarketView) -> Settlement:
        """Trade on the view."""
        if view.market_open:
            checked = frozenset(self._five.tickers(market_date(view.as_of)))
            if any(bracket.symbol in checked for bracket in self._resting):
                self.protect([bracket for bracket in self._resting if bracket.symbol not in checked])
        return super().settle(view)


def read_five_minute_bars(path: Path, daily: Path | None, stocks: Sequence[str]) -> FiveMinuteBars:
    """Read the stocks' five-minute bars, on the footing of the daily file.

    Raises
    ------
    core.errors.SettingsError
        When the daily bars come from no file: nothing else shows how its prices were adjusted.
    core.errors.DataError
        When one of the files cannot be used.
    """
    if daily is None:
        raise SettingsError(
            "--intraday needs daily bars from a file: only that shows how its prices are adjusted.",
            hint="Add --feed parquet:PATH.",
        )
    return FiveMinuteBars(path, stocks, NyseCalendar(), footing_of(daily, stocks))


def intraday_schedule(bars: FiveMinuteBars, panel: BarPanel, first: int, last: int) -> list[ScheduledStep]:
    """Return the steps of rows first to last of the daily panel: checks within a day, a decision at its close.

    In a session with five-minute bars the risk check of their tickers runs at the open and every five minutes
    until the close. The first session only decides: nothing is held in it.
    """
    out: list[ScheduledStep] = []
    for row in range(first, last + 1):
        closes_at = panel.closed_at[row]
        tickers = bars.tickers(panel.dates[row]) if row > first else ()
        if tickers:
            check, at = replace(RISK_CHECK, symbols=tickers), bars.opens_at(panel.dates[row])
            while at < closes_at:
                out.append((at, check))
                at += BAR
        out.append((closes_at, DECIDES))
    return out


def intraday_coverage(bars: FiveMinuteBars, panel: BarPanel, first: int, last: int) -> IntradayCoverage:
    """Name what of rows first to last has five-minute bars."""
    days = {panel.dates[row] for row in range(first + 1, last + 1)}
    days &= set(bars.sessions)
    steps = intraday_schedule(bars, panel, first, last)
    return IntradayCoverage(
        file=bars.name,
        checks=sum(not cycle.entries for _, cycle in steps),
        tickers=dict(sorted(Counter(name for day in days for name in bars.tickers(day)).items())),
        sessions=tuple(day.isoformat() for day in sorted(days)),
    )
