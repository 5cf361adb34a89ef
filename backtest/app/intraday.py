"""A backtest within the day: the daemon's own timetable on five-minute bars, where there are any."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from adapters.calendar import NyseCalendar
from adapters.paper.broker import PaperBroker
from adapters.paper.store import InMemoryPaperStore
from adapters.parquet.intraday_bars import FiveMinuteBars, footing_of
from backtest.report import IntradayCoverage
from backtest.runner import ScheduledStep
from config.broker import BrokerSettings
from core.brackets import Bracket
from core.cycles import DECIDE, Cycle
from core.errors import SettingsError
from core.ports import Clock
from core.times import market_date
from core.types import BarPanel, MarketView, Settlement
from scheduler.due_steps import due_steps

DECIDES = replace(DECIDE, submits=True, protects=True)
DAY = timedelta(hours=12)  # before the close: from the morning's first job on


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


def intraday_schedule(
    bars: FiveMinuteBars, panel: BarPanel, first: int, last: int, stocks: Sequence[str]
) -> list[ScheduledStep]:
    """Return the steps of rows first to last of the daily panel: the daemon's own timetable where there are bars.

    In a session with five-minute bars of every stock, each of the daemon's jobs runs when it is due. Where some
    have none, the steps within the day concern the others alone, and those are decided on at the close as on
    daily bars, their stops and targets resting at the broker. The first session only decides.
    """
    calendar, out = NyseCalendar(), list[ScheduledStep]()
    for row in range(first, last + 1):
        closes_at, ahead = panel.closed_at[row], panel.dates[min(row + 1, last)]
        covered, next_covered = (_covered(bars, day, stocks) for day in (panel.dates[row], ahead))
        whole = len(next_covered) == len(stocks)
        steps = due_steps(closes_at - DAY, closes_at, calendar) if covered or whole else []
        within = [(at, _only(cycle, covered, stocks)) for at, cycle in steps if at < closes_at]
        out += within if row > first and covered else []
        if whole:
            out += [(at, cycle) for at, cycle in steps if at == closes_at]
        else:
            rest = tuple(stock for stock in stocks if stock not in next_covered)
            out.append((closes_at, replace(DECIDES, symbols=rest) if next_covered else DECIDES))
    return out


def _covered(bars: FiveMinuteBars, day: date, stocks: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in bars.tickers(day) if name in stocks)


def _only(cycle: Cycle, covered: tuple[str, ...], stocks: Sequence[str]) -> Cycle:
    """Return a cycle that concerns the covered stocks alone; as it is where all are."""
    return cycle if len(covered) == len(stocks) or not cycle.submits else replace(cycle, symbols=covered)


def intraday_coverage(
    bars: FiveMinuteBars, panel: BarPanel, first: int, last: int, stocks: Sequence[str]
) -> IntradayCoverage:
    """Name what of rows first to last has five-minute bars."""
    days = {panel.dates[row] for row in range(first + 1, last + 1)}
    days &= set(bars.sessions)
    steps = intraday_schedule(bars, panel, first, last, stocks)
    within = Counter(cycle.name for _, cycle in steps if cycle.submits and not cycle.protects)
    return IntradayCoverage(
        file=bars.name,
        checks=within["risk_check"],
        decisions=within["decide"],
        tickers=dict(sorted(Counter(name for day in days for name in _covered(bars, day, stocks)).items())),
        sessions=tuple(day.isoformat() for day in sorted(days)),
    )
