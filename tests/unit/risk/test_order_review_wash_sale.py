"""The wash-sale check: what is said, refused or left alone, at the edges of its thirty days."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace as replace_struct

from core.loss_sales import HeldLot, LossSale
from core.lots import highest_in_first_out
from core.types import Action, Decision, Plan, Portfolio, Side
from risk.limits import WASH_SALE
from tests.risk_builders import (
    TODAY,
    book,
    enter,
    leave,
    manager,
    market,
    pending,
    position,
    review,
    rules,
    settings,
)

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


def twice_bought(*, days: int, old: str = "162.40", new: str = "110") -> Portfolio:
    """Ten NVDA: five bought 100 days ago, five so many days ago, each at its price; they stand at 100."""
    lots = tuple(
        HeldLot(
            purchase=number, acquired=TODAY - timedelta(days=ago), quantity=Decimal(5),
            basis_usd=5 * Decimal(price), replaces=False,
        )
        for number, (ago, price) in enumerate(((100, old), (days, new)))
    )  # fmt: skip
    return book("9000", position("NVDA", quantity=Decimal(10)), replacing_lots={"NVDA": lots})


HALF = Decision(symbol="NVDA", action=Action.RESIZE, score=0.1, confidence=0.5, rule="score", target_weight=0.05)
PART = replace_struct(leave("NVDA"), quantity=Decimal(5))
TEN_DAYS_AGO = TODAY - timedelta(days=10)
SOLD_HALF = (
    f"selling 5 NVDA at a loss of 312.00 USD while 5 bought on {TEN_DAYS_AGO} stay: "
    "312.00 USD of tax loss is disallowed"
)
"""First in, first out: 5 x 162.40 = 812 paid, 5 x 100 = 500 brought; five bought ten days ago replace them."""


@pytest.mark.parametrize("sale", [HALF, PART], ids=["smaller", "a part that a person names"])
def test_the_sale_of_a_part_at_a_loss_is_warned_of_or_refused(sale: Decision) -> None:
    held = twice_bought(days=10)
    plan = plan_of("warn", held, sale)
    assert said(plan) == [SOLD_HALF]
    assert SOLD_HALF in plan.decisions[0].reasons
    assert plan.approved[0].order.quantity == 5
    refused = plan_of("refuse", held, sale)
    assert rules(refused) == {"NVDA": "wash_sale"}
    assert refused.refused[0].observed == SOLD_HALF
    assert not said(plan_of("off", held, sale))


@pytest.mark.parametrize(("days", "warned"), [(30, True), (31, False)])
def test_a_purchase_counts_for_thirty_days(days: int, warned: bool) -> None:
    assert bool(said(plan_of("warn", twice_bought(days=days), HALF))) == warned


def test_a_gain_and_the_dearest_shares_are_other_sums() -> None:
    """At 90 the old five gain. Highest first sells the new at a loss of 50, and no other purchase is recent."""
    assert not said(plan_of("warn", twice_bought(days=10, old="90"), HALF))
    view = market({"NVDA": 100.0})
    dearest = replace(manager(LIMITS), wash_sales="warn", pick_lots=highest_in_first_out)
    assert not said(review(dearest, [HALF], view, twice_bought(days=10, old="90")))


@pytest.mark.parametrize("mode", ["warn", "refuse"])
def test_a_whole_position_is_sold_whatever_it_costs(mode: str) -> None:
    """Nothing stays, so nothing replaces; and where an open order holds a part back, the rest is warned of."""
    held = twice_bought(days=10)
    assert not said(plan_of(mode, held, leave("NVDA")))
    half_free = replace_struct(held, pending=(pending("NVDA", Side.SELL, "5", "100"),))
    view = market({"NVDA": 100.0})
    plan = review(replace(manager(LIMITS), wash_sales=mode), [leave("NVDA")], view, half_free)
    assert rules(plan).get("NVDA") != "wash_sale"


def test_shares_replace_each_other_once_and_not_those_of_their_own_purchase() -> None:
    """What has replaced a loss already does not do it again; two fills of one order are one purchase."""
    held = twice_bought(days=10)
    (old, new) = held.replacing_lots["NVDA"]  # type: ignore[index]  # they are set
    for lots in ((old, replace_struct(new, replaces=True)), (replace_struct(old, purchase=1), new)):
        assert not said(plan_of("warn", replace_struct(held, replacing_lots={"NVDA": lots}), HALF))
