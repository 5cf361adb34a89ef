"""A clock that is off: at the stand-in for Alpaca, exits go on at every offset, and what is off is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from adapters.alpaca.bars import AlpacaBars, connect
from adapters.alpaca.orders import readable, timestamp
from adapters.clock_offset import ClockOffset
from adapters.feeds.action_table import NO_ACTIONS, ActionTable
from adapters.feeds.daily_feed import DailyFeed
from config.clock import ClockSettings
from core.cycles import RISK_CHECK
from core.types import BarPanel, Cycle, Quote, StepReport
from pipeline.engine import Engine
from tests.default_universe import UNIVERSE
from tests.servers.alpaca_broker import KEY, SECRET
from tests.servers.alpaca_broker_desk import Desk as StandInDesk
from tests.simulation.alpaca_desk import World, prices, world
from tests.simulation.desk import CALENDAR, SUBMIT, market, moments, settings

OFFSETS_SECONDS = (-120.0, -30.0, -5.0, -2.0, -0.1, 0.1, 2.0, 5.0, 30.0, 120.0)
BEYOND_SECONDS = 5.0
CRASH = Decimal("0.9")


@dataclass(kw_only=True)
class Street:
    """Bars of the simulated market, and the stand-in's last trades over the real adapter."""

    vendor: AlpacaBars
    during_request: timedelta = timedelta(0)
    name: str = "alpaca"
    publication_delay: timedelta = timedelta(minutes=20)
    replays_quotes: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)

    def bars(self, symbols: Sequence[str], start: date, end: date) -> BarPanel:
        return market().prefix(int((market().sessions <= np.datetime64(end, "D")).sum()))

    def quotes(self, symbols: Sequence[str], at: datetime) -> Mapping[str, Quote]:
        given = self.vendor.quotes(symbols, at)
        return {name: replace(quote, at=quote.at + self.during_request) for name, quote in given.items()}

    def actions(self) -> ActionTable:
        return NO_ACTIONS

    def recorded_end(self) -> None:
        """It goes on."""


@dataclass(kw_only=True)
class Lived:
    """An engine whose clock is `offset` behind the stand-in's."""

    world: World
    street: Street
    watch: ClockOffset
    offset: timedelta

    def step(self, at: datetime, cycle: Cycle, factor: Decimal = Decimal(1)) -> StepReport:
        """Step at a moment of the stand-in's clock, at prices of then times a factor."""
        book = self.world.stand_in.book
        with book.lock:
            StandInDesk(book).tick(at, {name: price * factor for name, price in prices(at).items()})
        report = self.world.step(at - self.offset, cycle)
        assert report is not None
        return report


@contextmanager
def lived(folder: Path, offset_seconds: float, *, has_clock: bool = True) -> Iterator[Lived]:
    offset = timedelta(seconds=offset_seconds)
    with world(folder, at=moments()[0][0] - timedelta(minutes=30)) as it:
        vendor = connect(KEY, SECRET, timeout_seconds=2.0, url_override=it.stand_in.url)
        street = Street(vendor=AlpacaBars(vendor, CALENDAR))

        @readable()
        def ask() -> datetime:
            return timestamp(it.api.clock()["timestamp"])

        watch = ClockOffset(ClockSettings(), it.desk.clock.now, ask if has_clock else None)
        feed = DailyFeed(street, CALENDAR, UNIVERSE, settings().data, offset=watch)
        it.engine = Engine(replace(it.engine.parts, feed=feed))
        yield Lived(world=it, street=street, watch=watch, offset=offset)


def held(lived: Lived, at: datetime) -> set[str]:
    """Buy something while the clocks agree."""
    offset, lived.offset = lived.offset, timedelta(0)
    lived.step(at, SUBMIT)
    lived.step(at + timedelta(minutes=5), RISK_CHECK)
    lived.offset = offset
    names = set(lived.world.engine.portfolio.positions)
    assert names
    return names


def crash(lived: Lived, at: datetime) -> list[StepReport]:
    """Let every price fall by a tenth and check twice: the first look alone is not believed."""
    return [lived.step(at + timedelta(minutes=5 * k), RISK_CHECK, CRASH) for k in (2, 3, 4)]


def sold(reports: Sequence[StepReport]) -> set[str]:
    return {order.order.symbol for report in reports for order in report.plan.approved}


@pytest.mark.parametrize("seconds", OFFSETS_SECONDS)
def test_stops_are_sold_at_every_offset_and_one_beyond_the_bound_is_named(seconds: float, tmp_path: Path) -> None:
    at = moments()[1][0] - timedelta(hours=4)
    with lived(tmp_path, seconds) as it:
        names = held(it, at)
        reports = crash(it, at + timedelta(hours=1))
        assert sold(reports) == names
        later = it.step(at + timedelta(hours=2), SUBMIT, CRASH)
        bought = {order.order.symbol for order in later.plan.approved if order.order.side.value == "buy"}
        side = "behind" if seconds > 0 else "ahead of"
        named = f"This machine's clock is {abs(seconds):.1f} s {side} Alpaca's"
        if abs(seconds) > BEYOND_SECONDS:
            assert all(named in report.feed_fault for report in (*reports, later))
            assert not bought
        else:
            assert later.feed_fault == ""
            assert not any("clock" in report.feed_fault for report in reports)
        assert it.watch.card()["offset_seconds"] == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize("seconds", [0.0, 1.5])
def test_a_print_during_the_request_is_taken(seconds: float, tmp_path: Path) -> None:
    at = moments()[1][0] - timedelta(hours=4)
    with lived(tmp_path, seconds) as it:
        names = held(it, at)
        it.street.during_request = timedelta(milliseconds=800)
        reports = crash(it, at + timedelta(hours=1))
        assert sold(reports) == names
        view = it.world.engine.last_view
        assert view is not None
        assert {quote.at for quote in view.quotes.values()} == {view.as_of}


@pytest.mark.parametrize("seconds", [30.0, 120.0])
def test_where_no_broker_has_a_clock_the_quotes_name_ours(seconds: float, tmp_path: Path) -> None:
    at = moments()[1][0] - timedelta(hours=4)
    with lived(tmp_path, seconds, has_clock=False) as it:
        assert held(it, at)
        reports = crash(it, at + timedelta(hours=1))
        assert sold(reports) == set()
        for report in reports:
            assert f"ahead of this machine's clock, by up to {seconds:.0f} s" in report.feed_fault
            assert "no stop is watched" in report.feed_fault
