from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from math import nan
from typing import Any

import pytest
from msgspec import structs

from config.risk import RiskCheck
from core.types import Cycle, Decision, MarketAnalysis, MarketView, Portfolio, Position
from risk.exits import sessions_after, unprotected
from risk.levels import protective_levels
from tests.risk_builders import (
    DECIDE,
    FLATTEN,
    RISK_CHECK,
    TODAY,
    book,
    manager,
    market,
    position,
    session_ago,
    settings,
)

KNOWN = MarketAnalysis(candidates=("ZZZ",))


def told(
    price: float, held: Position, cycle: Cycle, *, atr: float | None = None, analysis: MarketAnalysis = KNOWN
) -> str:
    """Give the rule that closes AAA at this price; empty when none does."""
    levels: Mapping[str, float] = {} if atr is None else {"AAA": atr}
    heard = MarketAnalysis(candidates=analysis.candidates, atr=levels)
    found = manager().exits(market({"AAA": price}), book("0", held), heard, cycle)
    return found[0].rule if found else ""


@pytest.mark.parametrize(
    ("price", "rule"),
    [
        (97.0001, ""), (97.0, "stop_loss"), (96.9999, "stop_loss"), (50.0, "stop_loss"),
        (104.9999, ""), (105.0, "take_profit"), (105.0001, "take_profit"),
    ],
)  # fmt: skip
def test_swing_thresholds_are_exact(price: float, rule: str) -> None:
    assert told(price, position("AAA"), DECIDE) == rule


@pytest.mark.parametrize(
    ("price", "rule"),
    [
        (97.5001, ""), (97.5, "stop_loss"), (97.4999, "stop_loss"),
        (103.9999, ""), (104.0, "take_profit"), (104.0001, "take_profit"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("atr", [None, nan, 0.0, -1.0])
def test_static_limits_hold_without_atr(price: float, rule: str, atr: float | None) -> None:
    assert told(price, position("AAA"), RISK_CHECK, atr=atr) == rule


@pytest.mark.parametrize(
    ("price", "rule"),
    [(98.5001, ""), (98.5, "atr_stop"), (102.4999, ""), (102.5, "atr_target")],
)
def test_dynamic_levels_act_when_nearer_than_the_static_ones(price: float, rule: str) -> None:
    assert told(price, position("AAA"), RISK_CHECK, atr=1.0) == rule


@pytest.mark.parametrize(("price", "rule"), [(97.5, "stop_loss"), (97.51, ""), (104.0, "take_profit")])
def test_a_wide_atr_never_loosens_the_static_ones(price: float, rule: str) -> None:
    assert told(price, position("AAA"), RISK_CHECK, atr=5.0) == rule


@pytest.mark.parametrize(("price", "rule"), [(101.0001, ""), (101.0, "trailing_stop")])
def test_the_trailing_stop_follows_the_peak(price: float, rule: str) -> None:
    assert told(price, position("AAA", peak_price=Decimal(103)), RISK_CHECK, atr=1.0) == rule


def test_dynamic_stops_off_leaves_the_trailing_and_static_ones() -> None:
    rule = RiskCheck(dynamic_stops=False)
    levels = protective_levels(position("AAA", peak_price=Decimal(110)), 1.0, rule)
    assert (levels.stop_price, levels.stop_rule) == (Decimal(108), "trailing_stop")
    assert (levels.target_price, levels.target_rule) == (Decimal(104), "take_profit")


def test_levels_that_are_off_close_nothing() -> None:
    crashed = position("AAA", peak_price=Decimal(200))
    off = RiskCheck(stop_loss_pct=None, take_profit_pct=None, trailing_stop_atr=None, dynamic_stops=False)
    levels = protective_levels(crashed, 1.0, off)
    assert (levels.stop_price, levels.stop_rule, levels.target_price, levels.target_rule) == (None,) * 4
    assert [levels.crossed(Decimal(price)) for price in ("0.0001", "100", "1000000")] == ["", "", ""]
    assert protective_levels(crashed, 1.0, RiskCheck(stop_loss_pct=None)).stop_rule == "trailing_stop"
    only_atr = protective_levels(
        position("AAA"), 1.0, RiskCheck(stop_loss_pct=None, trailing_stop_atr=None, take_profit_atr=None)
    )
    assert (only_atr.stop_price, only_atr.stop_rule) == (Decimal("98.5"), "atr_stop")
    assert (only_atr.target_price, only_atr.target_rule) == (Decimal(104), "take_profit")


@pytest.mark.parametrize(
    ("off", "expected"),
    [
        ({}, "stop_loss"),
        ({"stop_loss_pct": None}, "max_hold_days"),
        ({"stop_loss_pct": None, "max_hold_days": None}, "consecutive_misses"),
        ({"stop_loss_pct": None, "max_hold_days": None, "consecutive_miss_limit": None}, ""),
    ],
)
def test_each_swing_rule_can_be_off(off: dict[str, None], expected: str) -> None:
    worst = position("AAA", held=20, missed_count=5)
    view, portfolio = market({"AAA": 90.0}), book("0", worst)
    closing = manager(settings(swing_exit=off)).exits(view, portfolio, KNOWN, DECIDE)
    assert [decision.rule for decision in closing] == ([expected] if expected else [])
    soared = market({"AAA": 1_000.0})
    held = manager(settings(swing_exit={"take_profit_pct": None})).exits(
        soared, portfolio, MarketAnalysis(), DECIDE
    )
    assert held == ()


def test_the_stop_comes_first_when_both_are_crossed() -> None:
    soaring = position("AAA", peak_price=Decimal(120))
    assert told(106.0, soaring, RISK_CHECK, atr=2.0) == "trailing_stop"


@pytest.mark.parametrize(("held", "price", "rule"), [
    (9, 100.0, ""), (10, 100.0, "max_hold_days"), (10, 101.0, "max_hold_days"), (10, 101.0001, ""),
    (25, 98.0, "max_hold_days"), (25, 104.0, ""),
])  # fmt: skip
def test_an_old_position_is_sold_unless_it_earns(held: int, price: float, rule: str) -> None:
    assert told(price, position("AAA", held=held), DECIDE) == rule


def test_held_sessions_are_trading_sessions() -> None:
    view = market({"AAA": 100.0})
    assert (TODAY - session_ago(7)).days > 7
    assert sessions_after(view, position("AAA", held=7).entry_session, TODAY) == 7
    assert sessions_after(view, position("AAA", held=0).entry_session, TODAY) == 0
    live = market({"AAA": 100.0}, live=True)
    assert sessions_after(live, position("AAA", held=7).entry_session, live.as_of.date()) == 8
    entered_today = structs.replace(position("AAA"), entry_session=live.as_of.date())
    assert sessions_after(live, entered_today.entry_session, live.as_of.date()) == 0


@pytest.mark.parametrize(("missed", "rule"), [(2, ""), (3, "consecutive_misses"), (4, "consecutive_misses")])
def test_misses_close_at_their_limit(missed: int, rule: str) -> None:
    assert told(100.0, position("AAA", missed_count=missed), DECIDE) == rule


def test_misses_close_nothing_while_the_ranker_is_silent() -> None:
    assert told(100.0, position("AAA", missed_count=3), DECIDE, analysis=MarketAnalysis()) == ""


def test_rules_come_in_their_order() -> None:
    worst = position("AAA", held=20, missed_count=5)
    assert told(90.0, worst, DECIDE) == "stop_loss"
    assert told(100.0, worst, DECIDE) == "max_hold_days"


@pytest.mark.parametrize("name", ["regime", "rank"])
def test_other_cycles_close_nothing(name: str) -> None:
    assert told(50.0, position("AAA"), DECIDE) == "stop_loss"
    assert told(50.0, position("AAA"), Cycle(name=name)) == ""


def two_losers(**fields: Any) -> tuple[MarketView, Portfolio]:
    view = market({"AAA": 50.0, "BBB": 50.0}, **fields)
    return view, book("0", position("AAA"), position("BBB"))


def closed(view: MarketView, portfolio: Portfolio, cycle: Cycle) -> list[str]:
    return [decision.symbol for decision in manager().exits(view, portfolio, KNOWN, cycle)]


@pytest.mark.parametrize("cycle", [DECIDE, RISK_CHECK])
def test_a_stale_position_is_left_alone_and_named(cycle: Cycle) -> None:
    view, portfolio = two_losers(stale={"AAA": "no quote for 20 minutes"})
    assert closed(view, portfolio, cycle) == ["BBB"]
    alerts = list(unprotected(view, portfolio, MarketAnalysis(atr={"BBB": 1.0}), cycle))
    assert len(alerts) == 1
    assert "AAA has no live price (no quote for 20 minutes)" in alerts[0]


def test_a_missing_atr_is_named_in_the_risk_check_only() -> None:
    view, portfolio = two_losers()
    alerts = list(unprotected(view, portfolio, MarketAnalysis(atr={"BBB": 1.0}), RISK_CHECK))
    assert alerts == ["AAA has no ATR: only its static stop and target hold."]
    assert list(unprotected(view, portfolio, MarketAnalysis(), DECIDE)) == []
    assert list(unprotected(view, portfolio, MarketAnalysis(), FLATTEN)) == []


def test_a_cycle_for_some_symbols_judges_only_those() -> None:
    view, portfolio = two_losers()
    assert closed(view, portfolio, DECIDE) == ["AAA", "BBB"]
    assert closed(view, portfolio, Cycle(name="decide", symbols=("BBB",))) == ["BBB"]


def test_flatten_closes_everything_even_without_a_price() -> None:
    view, portfolio = two_losers(stale={"AAA": "no bar"})
    decisions: tuple[Decision, ...] = manager().exits(view, portfolio, MarketAnalysis(), FLATTEN)
    assert [(d.symbol, d.rule) for d in decisions] == [("AAA", "flatten"), ("BBB", "flatten")]


def test_an_exit_says_its_numbers() -> None:
    limits = settings(swing_exit={"stop_loss_pct": -0.04})
    view, portfolio = two_losers()
    reason = manager(limits).exits(view, portfolio, KNOWN, DECIDE)[0].reasons[0]
    assert reason == "price 50.0000 at or below 96.0000; entry 100.0000, peak 100.0000"


def test_a_price_that_cannot_be_is_named_too() -> None:
    view = market({"AAA": 100.0}, live=True)
    broken = replace(view, quotes={"AAA": replace(view.quotes["AAA"], price=nan)})
    assert list(unprotected(view, book("0", position("AAA")), MarketAnalysis(), DECIDE)) == []
    assert len(list(unprotected(broken, book("0", position("AAA")), MarketAnalysis(), DECIDE))) == 1
