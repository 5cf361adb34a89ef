"""The risk check on quotes: each rule sells what it should, over a restart, and never on old prices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace as with_changes

from adapters.feeds.panel_feed import PanelFeed
from adapters.feeds.views import NO_QUOTE
from core.cycles import RISK_CHECK
from core.market import Quote
from core.ports import Feed, Team
from core.types import Cycle, MarketAnalysis, MarketView, Portfolio, Position, StepReport
from pipeline.engine import Engine
from risk.levels import protective_levels
from tests.simulation.desk import CALENDAR, Desk, Limits, market, moments, open_desk, settings

HELD_UNTIL = 4  # steps: two decisions have bought, the second day is open
CENT = Decimal("0.01")
PriceOf = Callable[[Position, float], Decimal]


class Prices:
    """Quotes that a test moves: held names trade where it says, all others at their opening."""

    def __init__(self) -> None:
        self.price_of: dict[str, float] = {}
        self.silent = False

    def __call__(self, at: datetime) -> Mapping[str, Quote]:
        return {n: Quote(symbol=n, price=self.price_of.get(n, 100.0), at=at) for n in market().symbols}


class Silenced:
    """A feed whose vendor may give no quotes while the exchange is open, as the daily feed shows it."""

    def __init__(self, feed: Feed, prices: Prices) -> None:
        self._feed = feed
        self._prices = prices

    def view(self, as_of: datetime) -> MarketView:
        view = self._feed.view(as_of)
        if not self._prices.silent:
            return view
        return replace(view, quotes={}, stale=dict.fromkeys(view.bars.symbols, NO_QUOTE))


def quoted(desk: Desk) -> tuple[Desk, Prices]:
    """Open the desk's engine again on quotes that the test moves."""
    prices = Prices()
    panel = PanelFeed(market(), settings().data, CALENDAR, source="simulated", quotes=prices)
    engine = Engine(replace(desk.engine.parts, feed=Silenced(panel, prices)))
    return replace(desk, engine=engine), prices


def check(desk: Desk, prices: Prices, price_of: PriceOf) -> StepReport:
    """Check five minutes later, with each held name at a price of its own."""
    desk.clock.advance(timedelta(minutes=5))
    held = desk.engine.portfolio.positions
    atr = desk.engine.parts.team.analyse(desk.engine.parts.feed.view(desk.clock.now()), desk.engine.portfolio,
                                       RISK_CHECK).atr  # fmt: skip
    prices.price_of = {name: float(price_of(p, atr.get(name, 0.0))) for name, p in held.items()}
    return desk.engine.step(RISK_CHECK)


def stop(position: Position, atr: float) -> Decimal:
    level = protective_levels(position, atr, desk_limits).stop_price
    assert level is not None
    return level


def target(position: Position, atr: float) -> Decimal:
    level = protective_levels(position, atr, desk_limits).target_price
    assert level is not None
    return level


def below_target(position: Position, atr: float) -> Decimal:
    return target(position, atr) - CENT


desk_limits = Limits().settings.risk_check


def rules(report: StepReport) -> dict[str, str]:
    return {a.order.symbol: a.order.rule for a in report.plan.approved}


def holding(folder: Path | None = None, wrap: Callable[[Team], Team] = lambda team: team) -> Desk:
    desk = open_desk(folder, wrap_team=wrap)
    desk.run(moments()[:HELD_UNTIL])
    assert len(desk.engine.portfolio.positions) >= 4
    desk.clock.set(moments()[HELD_UNTIL][0])
    return desk


@pytest.mark.parametrize(
    ("level", "wanted"), [(stop, {"stop_loss", "atr_stop"}), (target, {"take_profit", "atr_target"})]
)
def test_every_held_position_is_sold_at_its_level_and_not_a_cent_before(level: PriceOf, wanted: set[str]) -> None:
    desk, prices = quoted(holding())
    inside = CENT if level is stop else -CENT
    quiet = check(desk, prices, lambda p, atr: level(p, atr) + inside)
    assert rules(quiet) == {}
    held = set(desk.engine.portfolio.positions)
    report = check(desk, prices, level)
    assert set(rules(report)) == held
    assert set(rules(report).values()) <= wanted


def test_the_peak_outlives_a_kill_and_the_trailing_stop_hangs_on_it(tmp_path: Path) -> None:
    desk, prices = quoted(holding(tmp_path))
    assert rules(check(desk, prices, below_target)) == {}
    peaks = {name: held.peak_price for name, held in desk.engine.portfolio.positions.items()}
    again = open_desk(tmp_path, at=desk.clock.now())  # beside the first, as after a kill -9
    assert {name: held.peak_price for name, held in again.engine.portfolio.positions.items()} == peaks
    report = check(*quoted(again), lambda p, atr: p.peak_price - Decimal(repr(2 * atr)) - CENT)
    trailing = {name for name, rule in rules(report).items() if rule == "trailing_stop"}
    floor = {n: p.average_price * Decimal("0.975") for n, p in report.plan.portfolio.positions.items()}
    assert trailing
    assert all(report.plan.portfolio.positions[name].last_price > floor[name] for name in trailing)
    again.close()
    desk.close()


class WithoutAtr:
    """A team that has no ATR of anything."""

    def __init__(self, team: Team) -> None:
        self._team = team
        self.decide, self.explain = team.decide, team.explain

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        return with_changes(self._team.analyse(view, portfolio, cycle), atr={})


@pytest.mark.parametrize(("price", "rule"), [("0.975", "stop_loss"), ("1.04", "take_profit"), ("0.98", "")])
def test_static_limits_hold_when_the_atr_is_missing_and_it_is_told(price: str, rule: str) -> None:
    desk, prices = quoted(holding(wrap=WithoutAtr))
    report = check(desk, prices, lambda p, _: p.average_price * Decimal(price))
    held = report.plan.portfolio.positions
    assert rules(report) == (dict.fromkeys(held, rule) if rule else {})
    alerts = [event.data["message"] for event in desk.hub._log if event.topic == "risk.alert"]
    assert {f"{name} has no ATR: only its static stop and target hold." for name in held} <= set(alerts)


def test_without_quotes_nothing_is_sold_on_old_prices_and_every_position_is_alerted() -> None:
    desk, prices = quoted(holding())
    prices.silent = True
    silent = check(desk, prices, stop)
    held = set(silent.plan.portfolio.positions)
    assert rules(silent) == {}
    alerts = [event.data["message"] for event in desk.hub._log if event.topic == "risk.alert"]
    for name in held:
        assert any(told.startswith(f"{name} has no live price (no quote while") for told in alerts)
    before = {name: p.last_price for name, p in silent.plan.portfolio.positions.items()}
    assert before == {name: p.last_price for name, p in desk.engine.portfolio.positions.items()}
    prices.silent = False
    assert set(rules(check(desk, prices, stop))) == held, "once the quotes are back, the stops act"
