"""Sizes worked out by hand, to the cent. f* = (R - 1) / (R + b), b = 5/3, a quarter of it is taken."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from core.money import to_cents
from core.types import MarketAnalysis
from tests.risk_builders import (
    CALM,
    TODAY,
    book,
    enter,
    manager,
    market,
    position,
    review,
    rules,
    settings,
)

ROOMY = settings(portfolio_limits={"max_sector_pct": 1.0, "max_exposure_pct": 1.0})


@pytest.mark.parametrize(
    ("p_win", "price", "quantity", "spent"),
    [
        # R = 2, f* = 3/11, weight 3/44 of 100,000 = 6,818.1818...
        (0.40, 250.0, "27.272727", "6818.18"),
        (0.40, 3.0, "2272.727272", "6818.18"),
        # R = 3, f* = 3/7, weight 3/28 = 10,714.2857...
        (0.50, 187.65, "57.097179", "10714.29"),
        # R = 4.5, f* = 21/37, weight 21/148 = 14,189.1891...
        (0.60, 412.3456, "34.410914", "14189.19"),
        # R = 7, f* = 9/13, weight 9/52 = 17.3 %: capped at 15 %
        (0.70, 100.0, "150.000000", "15000.00"),
        # certainty: a quarter of everything, capped at 15 %
        (1.00, 64.0, "234.375000", "15000.00"),
    ],
)
def test_quarter_kelly_in_fractions(p_win: float, price: float, quantity: str, spent: str) -> None:
    plan = review(manager(ROOMY), [enter("AAA", p_win=p_win)], market({"AAA": price}), book("100000"))
    order = plan.approved[0].order
    assert str(order.quantity) == quantity
    assert str(to_cents(order.quantity * order.reference_price)) == spent


@pytest.mark.parametrize(
    ("price", "quantity", "spent"),
    [(250.0, "27", "6750.00"), (6818.18, "1", "6818.18"), (0.07, "97402", "6818.14")],
)
def test_whole_shares_round_down(price: float, quantity: str, spent: str) -> None:
    judge = manager(ROOMY, fractional_shares=False)
    plan = review(judge, [enter("AAA")], market({"AAA": price}), book("100000"))
    order = plan.approved[0].order
    assert str(order.quantity) == quantity
    assert str(to_cents(order.quantity * order.reference_price)) == spent


def test_a_share_dearer_than_the_position_buys_none() -> None:
    judge = manager(ROOMY, fractional_shares=False)
    assert rules(review(judge, [enter("AAA")], market({"AAA": 6818.19}), book("100000"))) == {
        "AAA": "min_order_usd"
    }


def test_the_high_volatility_regime_halves_the_bet() -> None:
    storm = MarketAnalysis(regime=replace(CALM, exposure_scale=0.5))
    plan = review(manager(ROOMY), [enter("AAA")], market({"AAA": 100.0}), book("100000"), analysis=storm)
    assert plan.approved[0].order.quantity == Decimal("34.090909")
    assert plan.approved[0].weight == pytest.approx(3 / 88, abs=1e-8)


@pytest.mark.parametrize(("score", "quantity"), [(1.0, "50.000000"), (0.8, "40.000000"), (0.35, "17.500000")])
def test_without_a_probability_the_score_scales_the_default(score: float, quantity: str) -> None:
    decision = enter("AAA", score=score, p_win=None)
    plan = review(manager(ROOMY), [decision], market({"AAA": 100.0}), book("100000"))
    assert str(plan.approved[0].order.quantity) == quantity


def test_cash_is_spent_to_the_cent_costs_included() -> None:
    # 500.00 of cash; 3.5 basis points: 500 / 1.00035 = 499.82506...
    rich = book("500", peak_equity=Decimal(500), session_open_equity=Decimal(500))
    all_in = settings(
        position_sizing={"kelly_fraction": 1.0, "max_position_pct": 1.0},
        portfolio_limits={"max_sector_pct": 1.0, "max_exposure_pct": 1.0},
    )
    judge = manager(all_in, cost_bps=3.5)
    order = review(judge, [enter("AAA", p_win=1.0)], market({"AAA": 100.0}), rich).approved[0].order
    assert order.quantity == Decimal("4.998250")
    assert to_cents(order.quantity * 100 * Decimal("1.00035")) == Decimal("500.00")
    assert order.quantity * 100 * Decimal("1.00035") <= 500


def test_the_builders_build_what_they_say() -> None:
    view = market({"AAA": 100.0})
    live = market({"AAA": 100.0}, live=True)
    assert view.price("AAA") == live.price("AAA") == 100.0
    assert view.session.item() == TODAY
    assert live.as_of.date() > TODAY
    assert book("1000", position("AAA")).equity == Decimal(2000)
    assert settings(portfolio_limits={"max_positions": 3}).portfolio_limits.max_positions == 3
