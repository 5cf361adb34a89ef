"""The wash-sale check: what is said, refused or left alone, at the edges of its thirty days."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from core.loss_sales import LossSale
from core.types import Action, Decision, Plan, Portfolio
from risk.limits import WASH_SALE
from tests.risk_builders import TODAY, book, enter, leave, manager, market, position, review, rules, settings

LIMITS = settings(
    portfolio_limits={"max_exposure_pct": 1.0, "max_sector_pct": 1.0},
    position_sizing={"kelly_fraction": 1.0, "max_position_pct": 0.10},
)


def after_a_loss(days: int, *positions: object, quantity: str = "4", usd: str = "312.40") -> Portfolio:
    loss = LossSale(sold=TODAY - timedelta(days=days), quantity=Decimal(quantity), loss_usd=Decimal(usd))
    return book("10000", *positions, loss_sales={"NVDA": (loss,)})  # type: ignore[arg-type]  # positions


def plan_of(mode: str, portfolio: Portfolio, *decisions: Decision) -> Plan:
    view = market({"NVDA": 100.0, "AMD": 100.0})
    return review(replace(manager(LIMITS), wash_sales=mode), decisions, view, portfolio)


def said(plan: Plan) -> list[str]:
    return [check.observed for order in plan.approved for check in order.checks if check.rule == WASH_SALE]


def test_a_warning_says_what_it_costs_and_buys() -> None:
    plan = plan_of("warn", after_a_loss(3), enter("NVDA"), enter("AMD"))
    message = "buying back NVDA within 30 days disallows 312.40 USD of tax loss"
    assert said(plan) == [message]
    assert [message in decision.reasons for decision in plan.decisions] == [True, False]
    assert len(plan.approved) == 2


def test_refused_is_a_refusal_like_others() -> None:
    plan = plan_of("refuse", after_a_loss(3), enter("NVDA"), enter("AMD"))
    assert rules(plan) == {"NVDA": "wash_sale"}
    assert "disallows 312.40 USD" in plan.refused[0].observed


def test_off_says_nothing() -> None:
    assert not said(plan_of("off", after_a_loss(3), enter("NVDA")))


@pytest.mark.parametrize(("days", "warned"), [(30, True), (31, False)])
def test_the_thirtieth_day_is_the_last(days: int, warned: bool) -> None:
    assert bool(said(plan_of("warn", after_a_loss(days), enter("NVDA")))) == warned


def test_only_so_many_shares_are_disallowed_as_are_bought() -> None:
    """A tenth of 10,000 USD buys 10 shares: of 40 sold at a loss a quarter is replaced."""
    assert (
        "disallows 100.00 USD"
        in said(plan_of("warn", after_a_loss(3, quantity="40", usd="400"), enter("NVDA")))[0]
    )


def test_buying_more_of_what_is_held_is_checked_and_selling_never() -> None:
    more = Decision(
        symbol="NVDA", action=Action.RESIZE, score=0.5, confidence=0.5, rule="score", target_weight=0.1
    )
    small = after_a_loss(3, position("NVDA", quantity=Decimal(2)))
    assert "NVDA" in said(plan_of("warn", small, more))[0]
    assert rules(plan_of("refuse", small, more)) == {"NVDA": "wash_sale"}
    assert not plan_of("refuse", small, leave("NVDA")).refused
