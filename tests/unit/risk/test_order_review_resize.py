"""A team that sizes the book itself: differences are traded, small ones are left, every limit still holds."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from config.risk import RiskSettings
from core.types import Action, Decision, Plan, Portfolio, Side, TradingState
from tests.risk_builders import (
    DECIDE,
    book,
    leave,
    manager,
    market,
    pending,
    position,
    review,
    rules,
    settings,
)

PRICES = dict.fromkeys(("AAA", "BBB", "CCC", "DDD"), 100.0)
OPEN = settings(
    position_sizing={"max_position_pct": 0.5, "min_position_pct": 0.0},
    portfolio_limits={"max_exposure_pct": 1.0, "max_sector_pct": 1.0, "min_resize_pct": 0.01},
)


def want(symbol: str, weight: float, *, held: bool = True) -> Decision:
    action = Action.RESIZE if held else Action.ENTER
    return Decision(
        symbol=symbol, action=action, score=weight, confidence=1.0, rule="allocation", target_weight=weight
    )


def plan_of(
    portfolio: Portfolio,
    *decisions: Decision,
    limits: RiskSettings = OPEN,
    state: TradingState = TradingState.ACTIVE,
) -> Plan:
    return review(manager(limits), decisions, market(PRICES), portfolio, state=state)


def traded(plan: Plan) -> list[tuple[str, Side, Decimal]]:
    return [(a.order.symbol, a.order.side, a.order.quantity) for a in plan.approved]


def test_differences_are_traded_sells_first() -> None:
    portfolio = book("8000", position("AAA"), position("BBB"))  # 10 shares at 100 each, equity 10,000
    plan = plan_of(portfolio, want("AAA", 0.25), want("BBB", 0.04))
    assert traded(plan) == [("BBB", Side.SELL, Decimal(6)), ("AAA", Side.BUY, Decimal(15))]
    assert plan.approved[0].order.rule == "allocation"


def test_a_small_difference_is_no_change() -> None:
    plan = plan_of(book("9000", position("AAA")), want("AAA", 0.109))
    assert plan.unchanged == ("AAA",)
    assert traded(plan) == []


def test_the_cap_of_one_position_cuts_the_target_of_held_and_new_alike() -> None:
    plan = plan_of(book("9000", position("AAA")), want("AAA", 0.9), want("CCC", 0.9, held=False))
    assert traded(plan) == [("AAA", Side.BUY, Decimal(40)), ("CCC", Side.BUY, Decimal(50))]


def test_an_order_under_way_or_a_state_stops_it() -> None:
    busy = book("9000", position("AAA"), pending=(pending("AAA", Side.BUY, "1", "100"),))
    assert rules(plan_of(busy, want("AAA", 0.3))) == {"AAA": "duplicate"}
    held = book("9000", position("AAA"), position("BBB"))
    reducing = plan_of(held, want("AAA", 0.3), want("BBB", 0.01), state=TradingState.REDUCING)
    assert rules(reducing) == {"AAA": "trading_state"}
    assert [side for _, side, _ in traded(reducing)] == [Side.SELL]
    halted = plan_of(held, want("AAA", 0.3), want("BBB", 0.01), state=TradingState.HALTED)
    assert rules(halted) == {"AAA": "trading_state", "BBB": "trading_state"}


def test_pending_sales_are_spent_only_where_the_settings_say_so() -> None:
    full = book("0", position("AAA"))
    decisions = (leave("AAA"), want("CCC", 0.5, held=False))
    assert rules(plan_of(full, *decisions)) == {"CCC": "max_exposure_pct"}
    spending = OPEN.model_copy(
        update={"portfolio_limits": OPEN.portfolio_limits.model_copy(update={"spend_pending_sales": True})}
    )
    assert traded(plan_of(full, *decisions, limits=spending)) == [
        ("AAA", Side.SELL, Decimal(10)),
        ("CCC", Side.BUY, Decimal(5)),
    ]


@given(
    held=st.lists(st.integers(0, 40), min_size=4, max_size=4),
    wanted=st.lists(st.floats(0, 0.6), min_size=4, max_size=4),
    cash=st.integers(0, 20_000),
)
@examples(max_examples=50, deadline=None)
def test_the_book_after_it_respects_every_limit_and_is_no_further_from_its_targets(
    held: list[int], wanted: list[float], cash: int
) -> None:
    names = dict(zip(PRICES, held, strict=True))
    portfolio = book(str(cash), *(position(n, quantity=Decimal(q)) for n, q in names.items() if q))
    equity = portfolio.equity
    if not equity:
        return
    decisions = [want(n, w, held=bool(names[n])) for n, w in zip(PRICES, wanted, strict=True) if w > 0]
    plan = review(manager(OPEN), decisions, market(PRICES), portfolio, cycle=replace(DECIDE, submits=True))
    after = {n: Decimal(q) for n, q in names.items()}
    for name, side, quantity in traded(plan):
        after[name] += quantity if side is Side.BUY else -quantity
    assert all(q >= 0 for q in after.values())
    spent = sum((100 * (after[n] - names[n]) for n in names if after[n] > names[n]), Decimal(0))
    assert spent <= portfolio.cash
    for decision in decisions:
        target = min(decision.target_weight or 0.0, 0.5)
        before = abs(float(100 * Decimal(names[decision.symbol]) / equity) - target)
        assert abs(float(100 * after[decision.symbol] / equity) - target) <= before + 1e-6
    settled = {d.symbol for d in decisions}
    assert settled == {n for n, _, _ in traded(plan)} | set(rules(plan)) | set(plan.unchanged)
