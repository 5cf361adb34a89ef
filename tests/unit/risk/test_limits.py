"""Each limit at its edge: the last thing it allows, and the first it refuses."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from config.risk import RiskSettings
from core.types import Cycle, Decision, MarketAnalysis, Plan, Portfolio, Side, TradingState
from tests.risk_builders import (
    CALM,
    DECIDE,
    FLATTEN,
    RISK_CHECK,
    book,
    bought,
    enter,
    hold,
    leave,
    manager,
    market,
    pending,
    position,
    review,
    rules,
    session_ago,
    settings,
)

NAMES = dict.fromkeys(("AAA", "BBB", "CCC", "DDD"), 100.0)
ROOMY = {"max_exposure_pct": 1.0, "max_sector_pct": 1.0}
UNCAPPED = settings(portfolio_limits=ROOMY, position_sizing={"kelly_fraction": 1.0, "max_position_pct": 1.0})
# every bet worth making is a position of exactly 10 % of equity
TENTH = {"kelly_fraction": 1.0, "max_position_pct": 0.10}


def plan_of(
    portfolio: Portfolio, *decisions: Decision, limits: RiskSettings | None = None, **fields: Any
) -> Plan:
    view = fields.pop("view", None) or market(NAMES)
    sectors = fields.pop("sectors", None)
    chosen = limits or settings(portfolio_limits=ROOMY, position_sizing=TENTH)
    return review(manager(chosen, sectors=sectors), decisions, view, portfolio, **fields)


@pytest.mark.parametrize(
    ("state", "sold", "rule"),
    [
        (TradingState.ACTIVE, True, None),
        (TradingState.REDUCING, True, "trading_state"),
        (TradingState.HALTED, False, "trading_state"),
    ],
)
def test_trading_state(state: TradingState, sold: bool, rule: str | None) -> None:
    plan = plan_of(book("9000", position("AAA")), leave("AAA"), enter("BBB"), state=state)
    assert ("AAA" in {a.order.symbol for a in plan.approved}) == sold
    assert rules(plan).get("BBB") == rule


def test_a_breaker_acts_within_the_step_that_trips_it() -> None:
    fallen = book("8990", position("AAA"), peak_equity=Decimal(20_000))
    plan = plan_of(fallen, leave("AAA"), enter("BBB"))
    assert plan.state is TradingState.HALTED
    assert rules(plan) == {"AAA": "trading_state", "BBB": "trading_state"}
    assert "drawdown" in plan.alerts[0]


@pytest.mark.parametrize(
    "cycle", [replace(DECIDE, entries=False), RISK_CHECK, FLATTEN, replace(RISK_CHECK, entries=True)]
)
def test_entries_allowed(cycle: Cycle) -> None:
    portfolio = book("9000", position("AAA"))
    assert bought(plan_of(portfolio, enter("BBB"))) == ["BBB"]
    plan = plan_of(portfolio, leave("AAA"), enter("BBB"), cycle=cycle)
    assert rules(plan) == {"BBB": "entries_allowed"}
    assert [a.order.symbol for a in plan.approved] == ["AAA"]


def test_a_feed_fault_stops_entries_not_exits() -> None:
    view = market(NAMES, feed_fault="40 % of the symbols are missing")
    plan = plan_of(book("9000", position("AAA")), leave("AAA"), enter("BBB"), view=view)
    assert rules(plan) == {"BBB": "feed_fault"}
    assert [a.order.side for a in plan.approved] == [Side.SELL]
    assert plan.refused[0].observed == "40 % of the symbols are missing"


@pytest.mark.parametrize(
    ("opening", "limit", "rule"),
    [(10_000, -0.02, None), (10_204, -0.02, None), (10_205, -0.02, "trading_state")],
)
def test_max_daily_loss(opening: int, limit: float, rule: str | None) -> None:
    limits = settings(daily_limits={"max_daily_loss_pct": limit}, portfolio_limits=ROOMY)
    plan = plan_of(book("10000", session_open_equity=Decimal(opening)), enter("AAA"), limits=limits)
    assert rules(plan).get("AAA") == rule


def test_a_daily_loss_refuses_buys_even_after_a_resume() -> None:
    """The breaker says REDUCING first; the limit alone would refuse as well."""
    from risk.limits import max_daily_loss

    losing = book("9800", session_open_equity=Decimal(10_000))
    assert not max_daily_loss(losing, settings().daily_limits).passed
    assert max_daily_loss(book("9801", session_open_equity=Decimal(10_000)), settings().daily_limits).passed
    none = settings(daily_limits={"max_daily_loss_pct": 0.0}).daily_limits
    assert not max_daily_loss(book("10000"), none).passed


def test_a_daily_loss_limit_of_zero_stops_exits_too() -> None:
    limits = settings(daily_limits={"max_daily_loss_pct": 0.0})
    plan = plan_of(book("9000", position("AAA")), leave("AAA"), enter("BBB"), limits=limits)
    assert plan.state is TradingState.HALTED
    assert rules(plan) == {"AAA": "trading_state", "BBB": "trading_state"}


def test_a_stale_symbol_is_not_traded() -> None:
    view = market(NAMES, stale={"AAA": "split not adjusted", "BBB": "no bar"})
    plan = plan_of(book("9000", position("AAA")), leave("AAA"), enter("BBB"), enter("CCC"), view=view)
    assert rules(plan) == {"AAA": "symbol_stale", "BBB": "symbol_stale"}
    assert bought(plan) == ["CCC"]
    assert plan.refused[0].observed == "split not adjusted"
    assert "AAA has no live price" in plan.alerts[0]


def test_without_a_price_nothing_is_bought() -> None:
    plan = plan_of(book("10000"), enter("AAA"), enter("QQQ"))
    assert (bought(plan), rules(plan)) == (["AAA"], {"QQQ": "price_present"})


def test_duplicates() -> None:
    portfolio = book(
        "9000",
        position("AAA"),
        pending=(pending("BBB", Side.BUY, "1", "100"),),
    )
    plan = plan_of(portfolio, enter("AAA"), enter("BBB"), enter("CCC"), enter("CCC"))
    assert bought(plan) == ["CCC"]
    assert [(r.symbol, r.rule, r.observed) for r in plan.refused] == [
        ("AAA", "duplicate", "already held"),
        ("BBB", "duplicate", "order pending"),
        ("CCC", "duplicate", "order pending"),
    ]


def test_a_position_is_sold_once() -> None:
    busy = book("0", position("AAA"), pending=(pending("AAA", Side.SELL, "10", "100"),))
    assert rules(plan_of(busy, leave("AAA"))) == {"AAA": "duplicate"}
    twice = plan_of(book("0", position("AAA")), leave("AAA"), leave("AAA"), enter("AAA"))
    assert [a.order.symbol for a in twice.approved] == ["AAA"]
    assert [r.rule for r in twice.refused] == ["duplicate", "duplicate"]


def test_only_what_is_held_is_sold() -> None:
    plan = plan_of(book("9000", position("AAA")), leave("AAA"), leave("BBB"))
    assert rules(plan) == {"BBB": "position_held"}
    assert plan.approved[0].order.quantity == 10


@pytest.mark.parametrize(("limit", "count"), [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2)])
def test_max_positions_counts_held_and_pending(limit: int, count: int) -> None:
    limits = settings(portfolio_limits={**ROOMY, "max_positions": limit}, position_sizing=TENTH)
    portfolio = book("10000", position("AAA"), pending=(pending("BBB", Side.BUY, "1", "100"),))
    plan = plan_of(portfolio, leave("AAA"), enter("CCC"), enter("DDD"), limits=limits)
    assert len(bought(plan)) == count
    assert set(rules(plan).values()) == ({"max_positions"} if count < 2 else set())


@pytest.mark.parametrize(("done", "count"), [(17, 2), (18, 1), (19, 0), (20, 0)])
def test_max_daily_trades_counts_all_and_refuses_entries_only(done: int, count: int) -> None:
    plan = plan_of(book("9000", position("AAA"), trades_today=done), leave("AAA"), enter("BBB"), enter("CCC"))
    assert plan.approved[0].order.symbol == "AAA"
    assert len(bought(plan)) == count
    assert set(rules(plan).values()) == ({"max_daily_trades"} if count < 2 else set())
    assert plan.portfolio.trades_today == done + 1 + count


def test_only_a_cycle_that_submits_counts_as_trading() -> None:
    plan = plan_of(book("10000"), enter("AAA"), cycle=Cycle(name="decide"))
    assert bought(plan) == ["AAA"]
    assert plan.portfolio.trades_today == 0


@pytest.mark.parametrize(
    ("limit", "quantity"), [(0.30, "10"), (0.25, "5"), (0.205, "0.5"), (0.204, None), (0.1, None)]
)
def test_max_exposure_clips_down_to_the_smallest_position(limit: float, quantity: str | None) -> None:
    limits = settings(portfolio_limits={**ROOMY, "max_exposure_pct": limit}, position_sizing=TENTH)
    portfolio = book("8000", position("AAA"), position("BBB"))
    plan = plan_of(portfolio, leave("AAA"), enter("CCC"), limits=limits)
    assert plan.approved[0].order.symbol == "AAA"
    if quantity is None:
        assert rules(plan) == {"CCC": "max_exposure_pct"}
        assert plan.refused[0].observed == "30.000%"
    else:
        assert plan.approved[1].order.quantity == Decimal(quantity)


def test_the_regime_scales_the_books_exposure() -> None:
    limits = settings(portfolio_limits={**ROOMY, "max_exposure_pct": 0.4}, position_sizing=TENTH)
    portfolio = book("8000", position("AAA"), position("BBB"))
    assert bought(plan_of(portfolio, enter("CCC"), limits=limits)) == ["CCC"]
    storm = MarketAnalysis(regime=structs.replace(CALM, exposure_scale=0.5))
    plan = plan_of(portfolio, enter("CCC"), limits=limits, analysis=storm)
    assert rules(plan) == {"CCC": "max_exposure_pct"}
    assert plan.refused[0].limit == "20.000%"


def test_an_unknown_regime_is_told() -> None:
    plan = plan_of(book("10000"), enter("AAA"), analysis=MarketAnalysis())
    assert bought(plan) == ["AAA"]
    assert "No regime is known" in plan.alerts[0]
    assert plan_of(book("10000"), hold("AAA"), analysis=MarketAnalysis()).alerts == ()


def test_max_position() -> None:
    limits = settings(position_sizing={"max_position_pct": 0.03}, portfolio_limits=ROOMY)
    assert plan_of(book("10000"), enter("AAA"), limits=limits).approved[0].order.quantity == 3
    none = settings(position_sizing={"max_position_pct": 0.0}, portfolio_limits=ROOMY)
    assert rules(plan_of(book("10000"), enter("AAA"), limits=none)) == {"AAA": "no_edge"}


@pytest.mark.parametrize(("limit", "quantity"), [(0.20, "10"), (0.15, "5"), (0.10, None)])
def test_max_sector(limit: float, quantity: str | None) -> None:
    limits = settings(portfolio_limits={**ROOMY, "max_sector_pct": limit}, position_sizing=TENTH)
    sectors = {"AAA": "Energy", "BBB": "Energy", "CCC": "Materials"}
    plan = plan_of(book("9000", position("AAA")), enter("BBB"), enter("CCC"), limits=limits, sectors=sectors)
    sizes = {a.order.symbol: a.order.quantity for a in plan.approved}
    assert sizes["CCC"] == 10
    assert sizes.get("BBB") == (Decimal(quantity) if quantity else None)
    assert rules(plan) == ({} if quantity else {"BBB": "max_sector_pct"})


def test_symbols_of_no_sector_share_one() -> None:
    limits = settings(portfolio_limits={**ROOMY, "max_sector_pct": 0.15}, position_sizing=TENTH)
    plan = plan_of(book("10000"), enter("AAA"), enter("BBB"), enter("CCC"), limits=limits)
    assert [(a.order.symbol, a.order.quantity) for a in plan.approved] == [
        ("AAA", Decimal(10)),
        ("BBB", Decimal(5)),
    ]
    assert rules(plan) == {"CCC": "max_sector_pct"}


def test_what_is_promised_to_pending_buys_is_not_spent_again() -> None:
    promised = book("10000", pending=(pending("DDD", Side.BUY, "95", "100"),))
    assert plan_of(promised, enter("BBB")).approved[0].order.quantity == 5
    spent = book("10000", pending=(pending("DDD", Side.BUY, "100", "100"),))
    assert rules(plan_of(spent, enter("BBB"))) == {"BBB": "max_exposure_pct"}


@pytest.mark.parametrize(("promised", "rule"), [("90.0", None), ("90.6", "buying_power")])
def test_buying_power(promised: str, rule: str | None) -> None:
    """Costs of 10 %: 90.6 shares pending at 100 leave 34.00 of 10,000, and an order of 100 costs 110."""
    limits = settings(portfolio_limits=ROOMY, position_sizing={"max_position_pct": 0.01})
    portfolio = book("10000", pending=(pending("DDD", Side.BUY, promised, "100"),))
    plan = review(manager(limits, cost_bps=1000.0), [enter("AAA")], market(NAMES), portfolio)
    assert rules(plan).get("AAA") == rule
    if rule:
        assert (plan.refused[0].limit, plan.refused[0].observed) == ("$34.00", "$110.00")


def test_costs_count_against_buying_power() -> None:
    """Nothing but cash, all of it wanted: at 10 % costs 10,000 buys 90.909090 shares at 100."""
    judge = manager(UNCAPPED, cost_bps=1000.0)
    order = review(judge, [enter("AAA", p_win=1.0)], market(NAMES), book("10000")).approved[0].order
    assert order.quantity == Decimal("90.909090")


def test_the_proceeds_of_a_sale_are_not_spent_in_the_same_plan() -> None:
    portfolio = book("100", position("AAA", quantity=Decimal(99)), peak_equity=Decimal(10_000))
    plan = plan_of(portfolio, leave("AAA"), enter("BBB"), limits=UNCAPPED)
    assert plan.approved[0].order.side is Side.SELL
    assert plan.approved[1].order.quantity == 1


@pytest.mark.parametrize(("limit", "approved"), [(1000.0, True), (1000.01, False)])
def test_min_order(limit: float, approved: bool) -> None:
    limits = settings(portfolio_limits={**ROOMY, "min_order_usd": limit}, position_sizing=TENTH)
    plan = plan_of(book("10000"), enter("AAA"), limits=limits)
    assert bought(plan) == (["AAA"] if approved else [])
    assert rules(plan) == ({} if approved else {"AAA": "min_order_usd"})


def test_without_equity_nothing_is_bought() -> None:
    plan = plan_of(book("0"), enter("AAA"))
    assert (plan.approved, len(plan.refused)) == ((), 1)


def test_an_approved_order_carries_what_it_passed() -> None:
    plan = plan_of(book("9000", position("AAA")), leave("AAA"), enter("BBB"))
    sell, buy = plan.approved
    assert all(check.passed for a in plan.approved for check in a.checks)
    assert [check.rule for check in sell.checks] == [
        "position_held", "duplicate", "trading_state", "symbol_stale", "price_present",
    ]  # fmt: skip
    assert [check.rule for check in buy.checks] == [
        "trading_state", "entries_allowed", "feed_fault", "max_daily_loss_pct", "symbol_stale",
        "price_present", "duplicate", "reentry", "max_positions", "max_daily_trades", "no_edge",
        "min_position_pct", "max_position_pct", "max_exposure_pct", "max_sector_pct", "buying_power",
        "min_order_usd",
    ]  # fmt: skip
    assert buy.order.client_order_id == "20240411T200100-decide-0123456789ab-BBB-buy"
    assert (sell.weight, buy.weight) == (0.0, 0.1)


@pytest.mark.parametrize("state", list(TradingState))
def test_flatten_sells_all_in_every_state_and_without_a_price(state: TradingState) -> None:
    view = market(NAMES, stale={"BBB": "no bar"})
    portfolio = book("0", position("AAA"), position("BBB", last_price=Decimal(93)), trades_today=50)
    judge = manager()
    decisions = judge.exits(view, portfolio, MarketAnalysis(), FLATTEN)
    plan = review(judge, [*decisions, enter("CCC")], view, portfolio, state=state, cycle=FLATTEN)
    assert [(a.order.symbol, a.order.rule) for a in plan.approved] == [("AAA", "flatten"), ("BBB", "flatten")]
    assert [a.order.reference_price for a in plan.approved] == [Decimal(100), Decimal(93)]
    assert list(rules(plan)) == ["CCC"]


def test_sells_come_first_then_buys_by_score() -> None:
    decisions = [enter("CCC", score=0.4), hold("DDD"), enter("BBB", score=0.9), leave("AAA")]
    plan = plan_of(book("9000", position("AAA"), position("DDD")), *decisions)
    assert [a.order.symbol for a in plan.approved] == ["AAA", "BBB", "CCC"]
    assert plan.unchanged == ("DDD",)
    assert plan.decisions == tuple(decisions)


def test_settings_are_asked_anew_each_time() -> None:
    from risk.manager import RuleBasedRiskManager

    chosen = [settings(portfolio_limits={"max_positions": 0}), settings()]
    judge = RuleBasedRiskManager(lambda: chosen.pop(0), {}, True, 0.0)
    view, portfolio = market(NAMES), book("10000")
    assert rules(review(judge, [enter("AAA")], view, portfolio)) == {"AAA": "max_positions"}
    assert bought(review(judge, [enter("AAA")], view, portfolio)) == ["AAA"]


@pytest.mark.parametrize(
    ("sessions", "since", "live", "refused"),
    [
        (1, 0, False, False),  # sold today and decided after the close: it trades in the next session
        (1, 1, True, False),
        (2, 0, False, True),
        (2, 1, False, False),
        (2, 1, True, True),
        (None, 0, True, False),
    ],
)
def test_what_a_rule_sold_is_bought_again_only_some_sessions_later(
    sessions: int | None, since: int, live: bool, refused: bool
) -> None:
    limits = settings(portfolio_limits={**ROOMY, "reentry_sessions": sessions}, position_sizing=TENTH)
    view = market(NAMES, live=live)
    session = view.as_of.date() if live else session_ago(0)
    sold_in = session if live and since == 0 else session_ago(since - int(live) if since else 0)
    portfolio = book("10000", session=session, risk_exits={"AAA": sold_in})
    plan = plan_of(portfolio, enter("AAA"), enter("BBB"), limits=limits, view=view)
    assert rules(plan) == ({"AAA": "reentry"} if refused else {})
    assert "BBB" in bought(plan)


def test_a_buy_in_the_session_of_the_stop_says_what_was_seen() -> None:
    view = market(NAMES, live=True)
    limits = settings(portfolio_limits=ROOMY, position_sizing=TENTH)
    portfolio = book("10000", session=view.as_of.date(), risk_exits={"AAA": view.as_of.date()})
    (refused,) = plan_of(portfolio, enter("AAA"), limits=limits, view=view).refused
    assert (refused.rule, refused.limit) == ("reentry", "1 sessions or more since")
    assert refused.observed == "0 sessions since a rule sold it"
