from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from math import inf, nan

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from core.types import Cycle, MarketAnalysis, MarketView, Portfolio, Quote
from risk.mark_to_market import live_price, mark_to_market
from tests.risk_builders import (
    DECIDE,
    RISK_CHECK,
    TODAY,
    book,
    manager,
    market,
    position,
    review,
    session_ago,
)

SILENT = MarketAnalysis()
MISSING = MarketAnalysis(candidates=("ZZZ",))
PRESENT = MarketAnalysis(candidates=("AAA", "ZZZ"))


def held(portfolio: Portfolio, symbol: str = "AAA") -> tuple[Decimal, Decimal, int]:
    kept = portfolio.positions[symbol]
    return kept.last_price, kept.peak_price, kept.missed_count


def test_prices_and_peaks_follow_the_market_and_a_peak_never_falls() -> None:
    portfolio = book("1000", position("AAA"))
    portfolio = mark_to_market(market({"AAA": 110.0}), portfolio, SILENT, RISK_CHECK)
    assert held(portfolio)[:2] == (Decimal(110), Decimal(110))
    portfolio = mark_to_market(market({"AAA": 95.12345}), portfolio, SILENT, RISK_CHECK)
    assert held(portfolio)[:2] == (Decimal("95.1234"), Decimal(110))
    assert portfolio.peak_equity == 2100


def test_a_quote_comes_before_the_close() -> None:
    portfolio = mark_to_market(market({"AAA": 105.5}, live=True), book("0", position("AAA")), SILENT, RISK_CHECK)
    assert held(portfolio)[0] == Decimal("105.5")


@pytest.mark.parametrize("price", [nan, inf, 0.0, -3.0, 0.00001])
def test_a_price_that_cannot_be_is_no_price(price: float) -> None:
    view = market({"AAA": 100.0})
    odd = replace_quotes(view, price)
    assert live_price(view, "AAA") == 100
    assert live_price(odd, "AAA") is None
    assert held(mark_to_market(odd, book("0", position("AAA")), SILENT, RISK_CHECK))[0] == 100


def replace_quotes(view: MarketView, price: float) -> MarketView:
    quote = Quote(symbol="AAA", price=price, at=view.as_of)
    return MarketView(as_of=view.as_of, bars=view.bars, quotes={"AAA": quote})


def test_a_stale_symbol_keeps_its_last_price() -> None:
    view = market({"AAA": 150.0, "BBB": 150.0}, stale={"AAA": "no bar for the last session"})
    portfolio = mark_to_market(view, book("0", position("AAA"), position("BBB")), SILENT, RISK_CHECK)
    assert held(portfolio)[0] == 100
    assert held(portfolio, "BBB")[0] == 150


def test_a_position_never_marked_counts_at_its_entry_price() -> None:
    fresh = position("AAA", last_price=Decimal(0))
    stale = market({"AAA": 150.0}, stale={"AAA": "no bar"})
    assert held(mark_to_market(stale, book("0", fresh), SILENT, RISK_CHECK))[0] == 100


def test_a_new_session_resets_the_days_figures() -> None:
    before = book(
        "1000", position("AAA"), session=session_ago(1), trades_today=7, session_open_equity=Decimal(1234)
    )
    after = mark_to_market(market({"AAA": 90.0}), before, SILENT, RISK_CHECK)
    assert (after.session, after.trades_today) == (TODAY, 0)
    assert after.session_open_equity == 2000  # as the session before left it: the gap is today's loss
    assert after.daily_return == pytest.approx(-0.05)
    again = mark_to_market(market({"AAA": 80.0}), replace(after, trades_today=3), SILENT, RISK_CHECK)
    assert again.trades_today == 3
    assert again.session_open_equity == 2000
    assert again.daily_return == pytest.approx(-0.10)


def test_what_was_sold_at_the_open_counts_as_the_days_loss() -> None:
    evening = mark_to_market(
        market({"AAA": 100.0}), book("1000", position("AAA"), session=session_ago(1)), SILENT, RISK_CHECK
    )
    assert evening.last_equity == evening.equity == 2000
    sold_at_the_open = replace(evening, cash=Decimal(1900), positions={}, session=session_ago(1))
    morning = mark_to_market(market({"AAA": 90.0}), sold_at_the_open, SILENT, RISK_CHECK)
    assert morning.session_open_equity == 2000
    assert morning.daily_return == pytest.approx(-0.05)


def test_the_session_begins_with_the_opening_bell() -> None:
    portfolio = book("1000", trades_today=4)
    bell = market({"AAA": 1.0}, live=True)
    early = MarketView(as_of=bell.as_of - timedelta(hours=2), bars=bell.bars)
    assert mark_to_market(early, portfolio, SILENT, DECIDE).session == TODAY
    opened = mark_to_market(bell, portfolio, SILENT, DECIDE)
    assert opened.session == TODAY + timedelta(days=1)
    assert portfolio.trades_today == 4
    assert opened.trades_today == 0


def test_the_first_mark_ever_opens_the_book() -> None:
    bare = Portfolio(cash=Decimal(1000), positions={"AAA": position("AAA", last_price=Decimal(0))})
    marked = mark_to_market(market({"AAA": 110.0}), bare, MISSING, DECIDE)
    assert marked.session == TODAY
    assert marked.session_open_equity == marked.peak_equity == 2100
    assert (marked.daily_return, marked.drawdown) == (0, 0)


def test_marking_twice_is_marking_once() -> None:
    view, before = market({"AAA": 97.0}), book("1000", position("AAA"), session=session_ago(1))
    once = mark_to_market(view, before, MISSING, DECIDE)
    assert once != before
    assert mark_to_market(view, once, MISSING, DECIDE) == once


def yesterday(missed: int = 1) -> Portfolio:
    return book("0", position("AAA", missed_count=missed), session=session_ago(1))


def test_a_session_counts_one_miss_however_often_it_decides() -> None:
    view, portfolio = market({"AAA": 100.0}), yesterday()
    for _ in range(4):
        portfolio = mark_to_market(view, portfolio, MISSING, DECIDE)
    assert held(portfolio)[2] == 2


def test_a_risk_check_before_the_decision_loses_no_miss() -> None:
    view = market({"AAA": 100.0})
    checked = mark_to_market(view, yesterday(), SILENT, RISK_CHECK)
    assert held(mark_to_market(view, checked, MISSING, DECIDE))[2] == 2
    assert held(mark_to_market(view, checked, PRESENT, DECIDE))[2] == 0


def test_a_candidate_again_starts_at_zero() -> None:
    assert held(mark_to_market(market({"AAA": 100.0}), yesterday(2), PRESENT, DECIDE))[2] == 0
    assert held(mark_to_market(market({"AAA": 100.0}), yesterday(2), PRESENT, Cycle(name="decide_v2")))[2] == 0


def test_a_session_counts_at_the_first_decision_whose_ranker_spoke() -> None:
    view = market({"AAA": 100.0})
    morning = mark_to_market(view, mark_to_market(view, yesterday(), SILENT, RISK_CHECK), SILENT, DECIDE)
    assert held(morning)[2] == 1
    assert held(mark_to_market(view, morning, MISSING, DECIDE))[2] == 2
    assert held(mark_to_market(market({"AAA": 100.0}, live=True), morning, SILENT, RISK_CHECK))[2] == 1, (
        "a silent day"
    )


def test_a_silent_ranker_counts_no_miss() -> None:
    assert held(mark_to_market(market({"AAA": 100.0}), yesterday(2), SILENT, DECIDE))[2] == 2


def test_a_plan_changes_nothing_but_the_count_of_trades() -> None:
    portfolio = book("1000", position("AAA"))
    plan = review(manager(), (), market({"AAA": 100.0}), portfolio)
    assert plan.portfolio == portfolio


def test_exits_of_rules_are_forgotten_after_some_weeks_and_leave_nothing_behind() -> None:
    view = market({"AAA": 100.0}, live=True)
    old, recent = view.as_of.date() - timedelta(days=41), view.as_of.date() - timedelta(days=40)
    both = book("1000", risk_exits={"AAA": old, "BBB": recent})
    assert mark_to_market(view, both, SILENT, RISK_CHECK).risk_exits == {"BBB": recent}
    assert mark_to_market(view, book("1000", risk_exits={"AAA": old}), SILENT, RISK_CHECK).risk_exits is UNSET
    assert mark_to_market(view, book("1000"), SILENT, RISK_CHECK).risk_exits is UNSET
