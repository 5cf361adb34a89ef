"""Laws of the risk manager over random books, decisions and limits."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import TypeVar

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from config.risk import RiskCheck, RiskSettings
from core.money import to_cents
from core.ports import RiskManager
from core.trading import ZERO
from core.types import Action, Decision, MarketAnalysis, Order, Plan, Portfolio, Side, TradingState
from risk.levels import protective_levels
from risk.manager import in_order
from tests.risk_builders import (
    CALM,
    RISK_CHECK,
    book,
    enter,
    hold,
    leave,
    manager,
    market,
    pending,
    position,
    review,
)
from tests.risk_builders import settings as risk_settings

SYMBOLS = tuple(f"S{index:02d}" for index in range(12))
SECTORS = {symbol: f"sector {index % 4}" for index, symbol in enumerate(SYMBOLS)}
COST_BPS = 3.5
few = settings(max_examples=50, deadline=None)
Limit = TypeVar("Limit", int, float, Decimal)

seeds = st.integers(0, 2**32 - 1)


def limits_of(chance: Random) -> dict[str, dict[str, float | None]]:
    """Limits that bite now and then."""
    return {
        "position_sizing": {
            "kelly_fraction": chance.choice([0.1, 0.25, 1.0]),
            "max_position_pct": chance.choice([0.02, 0.05, 0.15, 0.5]),
            "min_position_pct": chance.choice([0.0, 0.005, 0.02]),
        },
        "portfolio_limits": {
            "max_positions": chance.randint(3, 12),
            "max_exposure_pct": chance.randint(30, 100) / 100,
            "max_sector_pct": chance.randint(10, 100) / 100,
            "min_order_usd": chance.choice([0.0, 10.0, 500.0]),
        },
        "daily_limits": {"max_daily_trades": chance.randint(3, 20), "max_daily_loss_pct": -0.02},
    }


class World:
    """A marked book, its market, limits, and decisions about it; some stale symbols, some pending buys."""

    def __init__(self, seed: int) -> None:
        chance = Random(seed)
        prices = {name: round(10 ** chance.uniform(-0.3, 3.3), 4) for name in SYMBOLS}
        held = chance.sample(SYMBOLS, chance.randint(0, 4))
        waiting = [name for name in chance.sample(SYMBOLS, chance.randint(0, 2)) if name not in held]

        def worth(name: str, usd: float) -> Decimal:
            return max(Decimal("0.01"), (Decimal(usd) / Decimal(prices[name])).quantize(Decimal("0.001")))

        self.view = market(prices, stale=dict.fromkeys(chance.sample(SYMBOLS, chance.randint(0, 2)), "no bar"))
        self.portfolio = book(
            f"{chance.uniform(100, 50_000):.2f}",
            *(
                position(name, entry=str(prices[name]), quantity=worth(name, chance.uniform(100, 5_000)))
                for name in held
            ),
            pending=tuple(
                pending(name, Side.BUY, str(worth(name, chance.uniform(10, 500))), str(prices[name]))
                for name in waiting
            ),
            trades_today=chance.randint(0, 3),
        )
        self.limits = limits_of(chance)
        self.scale = chance.choice([0.0, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0])
        self.fractional_shares = chance.random() < 0.5
        self.decisions = [_decision(chance, name, name in held) for name in chance.sample(SYMBOLS, 10)]


def _decision(chance: Random, name: str, held: bool) -> Decision:
    if chance.random() < 0.15:
        return hold(name)
    if chance.random() < (0.7 if held else 0.1):
        return leave(name)
    score = chance.randint(-2, 10) / 10
    return enter(name, score=score, p_win=chance.choice([None, chance.uniform(0.22, 0.9)]))


worlds = seeds.map(World)


def plan_of(world: World, limits: RiskSettings | None = None) -> Plan:
    chosen = limits or risk_settings(**world.limits)
    judge = manager(chosen, sectors=SECTORS, fractional_shares=world.fractional_shares, cost_bps=COST_BPS)
    analysis = MarketAnalysis(regime=replace(CALM, exposure_scale=world.scale))
    return review(judge, world.decisions, world.view, world.portfolio, analysis=analysis)


def test_the_worlds_approve_and_refuse() -> None:
    """The laws below are empty where nothing is approved or refused: most worlds buy, many sell and refuse."""
    plans = [plan_of(World(seed)) for seed in range(200)]
    sides = [{a.order.side for a in plan.approved} for plan in plans]
    assert sum(Side.BUY in side for side in sides) > 100
    assert sum(Side.SELL in side for side in sides) > 60
    refused = {r.rule for plan in plans for r in plan.refused}
    assert refused >= {
        "symbol_stale", "duplicate", "position_held", "max_positions", "max_daily_trades", "no_edge",
        "min_position_pct", "max_exposure_pct", "max_sector_pct", "min_order_usd",
    }  # fmt: skip


@few
@given(worlds)
def test_every_decision_ends_in_exactly_one_outcome(world: World) -> None:
    world.decisions += world.decisions[:3]  # asked twice: both need an answer
    plan = plan_of(world)
    side = {Action.ENTER: "buy", Action.EXIT: "sell", Action.HOLD: "none"}
    ends = [(a.order.symbol, a.order.side.value) for a in plan.approved]
    ends += [(r.symbol, r.side.value) for r in plan.refused]
    ends += [(symbol, "none") for symbol in plan.unchanged]
    assert sorted(ends) == sorted((d.symbol, side[d.action]) for d in world.decisions)
    ids = [a.order.client_order_id for a in plan.approved]
    assert len(ids) == len(set(ids))


def after_buys(world: World, buys: list[Order]) -> tuple[dict[str, Decimal], Decimal]:
    """Give values by symbol, and the cash, once pending and approved buys have filled and nothing was sold."""
    values = {name: held.value for name, held in world.portfolio.positions.items()}
    cash = world.portfolio.cash
    for order in (*world.portfolio.pending, *buys):
        value = order.quantity * order.reference_price
        values[order.symbol] = values.get(order.symbol, Decimal(0)) + value
        cash -= value * Decimal("1.00035")
    return values, cash


def known(limit: Limit | None) -> Limit:
    """The limit, which this world has set."""
    assert limit is not None
    return limit


def share(fraction: float) -> Decimal:
    return Decimal(str(fraction))


@few
@given(worlds)
def test_approvals_together_respect_every_limit(world: World) -> None:
    """Worked out again from the numbers alone."""
    plan, limits = plan_of(world), risk_settings(**world.limits)
    buys = [a.order for a in plan.approved if a.order.side is Side.BUY]
    assume(buys)
    values, cash = after_buys(world, buys)
    equity, book_limits = world.portfolio.equity, limits.portfolio_limits
    assert cash >= 0
    assert cash + sum(values.values()) <= equity
    assert len(values) <= known(book_limits.max_positions)
    assert sum(values.values()) <= equity * share(book_limits.max_exposure_pct) * share(world.scale)
    for sector in {SECTORS[order.symbol] for order in buys}:
        inside = sum(value for name, value in values.items() if SECTORS[name] == sector)
        assert inside <= equity * share(known(book_limits.max_sector_pct))
    assert world.portfolio.trades_today + len(plan.approved) <= known(limits.daily_limits.max_daily_trades)


@few
@given(worlds)
def test_each_buy_respects_its_own_limits(world: World) -> None:
    limits, equity = risk_settings(**world.limits), world.portfolio.equity
    buys = [a for a in plan_of(world).approved if a.order.side is Side.BUY]
    assume(buys)
    for approved in buys:
        order = approved.order
        value = order.quantity * order.reference_price
        assert value <= equity * share(limits.position_sizing.max_position_pct)
        assert to_cents(value) >= share(known(limits.portfolio_limits.min_order_usd))
        assert approved.weight == float(value / equity)
        assert order.symbol not in world.view.stale
        assert order.symbol not in world.portfolio.positions
        if not world.fractional_shares:
            assert order.quantity == order.quantity.to_integral_value()


@few
@given(worlds)
def test_a_sell_sells_what_is_held(world: World) -> None:
    sells = [a.order for a in plan_of(world).approved if a.order.side is Side.SELL]
    assume(sells)
    for order in sells:
        assert order.quantity == world.portfolio.positions[order.symbol].quantity


TIGHTER: dict[tuple[str, str], Callable[[float], float]] = {
    ("portfolio_limits", "max_positions"): lambda value: value // 2,
    ("portfolio_limits", "max_exposure_pct"): lambda value: value * 0.7,
    ("portfolio_limits", "max_sector_pct"): lambda value: value * 0.7,
    ("portfolio_limits", "min_order_usd"): lambda value: value * 3 + 50,
    ("position_sizing", "max_position_pct"): lambda value: value * 0.6,
    ("position_sizing", "min_position_pct"): lambda value: value * 2 + 0.01,
    ("position_sizing", "kelly_fraction"): lambda value: value * 0.8,
    ("daily_limits", "max_daily_trades"): lambda value: value // 2,
    ("daily_limits", "max_daily_loss_pct"): lambda _: 0.0,
}
COUNTS = {"max_positions", "max_daily_trades", "max_daily_loss_pct"}


def sizes(plan: Plan, decisions: list[Decision]) -> list[Decimal]:
    """Quantity of each wanted order, in the order of judgement; 0 where it was refused."""
    left = {(a.order.symbol, a.order.side): a.order.quantity for a in plan.approved}
    side = {Action.ENTER: Side.BUY, Action.EXIT: Side.SELL}
    return [left.pop((d.symbol, side[d.action]), Decimal(0)) for d in in_order(decisions, Portfolio(cash=ZERO))]


def tightened(world: World, which: tuple[str, str]) -> RiskSettings:
    section, key = which
    changed = {**world.limits[section], key: TIGHTER[which](known(world.limits[section][key]))}
    return risk_settings(**{**world.limits, section: changed})


def differing(world: World, which: tuple[str, str]) -> list[tuple[Decimal, Decimal]]:
    """Sizes before and after a limit was tightened, where they differ."""
    before = sizes(plan_of(world), world.decisions)
    after = sizes(plan_of(world, tightened(world, which)), world.decisions)
    return [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]


@settings(few, max_examples=50)
@given(worlds, st.sampled_from(sorted(TIGHTER)))
def test_a_tighter_limit_never_approves_more(world: World, which: tuple[str, str]) -> None:
    """The first order that comes out differently is smaller or refused.

    What it leaves may then go to orders of a lower score, so of all limits together no more can be said; those
    on counts never add an order.
    """
    changed = differing(world, which)
    if changed:
        assert changed[0][1] < changed[0][0]
    if which[1] in COUNTS:
        assert all(after == 0 for _, after in changed)


@pytest.mark.parametrize("which", sorted(TIGHTER))
def test_each_tightening_does_change_plans(which: tuple[str, str]) -> None:
    """So that the law above has something to hold for; seen for every limit."""
    changes = [differing(World(seed), which) for seed in range(60)]
    assert sum(map(bool, changes)) >= 3
    assert all(change[0][1] < change[0][0] for change in changes if change)


UNREACHABLE: dict[tuple[str, str], float] = {
    ("portfolio_limits", "max_positions"): 10_000,
    ("portfolio_limits", "max_sector_pct"): 1.0,
    ("portfolio_limits", "min_order_usd"): 0.0,
    ("position_sizing", "min_position_pct"): 0.0,
    ("daily_limits", "max_daily_trades"): 10_000,
    ("daily_limits", "max_daily_loss_pct"): -1.0,
}


@settings(few, max_examples=50)
@given(worlds, st.sampled_from(sorted(UNREACHABLE)))
def test_a_limit_that_is_off_is_one_that_cannot_be_reached(world: World, which: tuple[str, str]) -> None:
    section, key = which
    set_to = [{**world.limits, section: {**world.limits[section], key: to}} for to in (None, UNREACHABLE[which])]
    off, loose = (plan_of(world, risk_settings(**limits)) for limits in set_to)
    assert sizes(off, world.decisions) == sizes(loose, world.decisions)
    checks = [check for approved in off.approved for check in approved.checks if check.rule == key]
    assert {check.limit for check in checks} <= {"off", "above $0"}


@few
@given(worlds)
def test_the_same_question_gets_the_same_answer(world: World) -> None:
    assert plan_of(world) == plan_of(world)


@few
@given(
    st.lists(st.decimals("60", "160", places=2), min_size=2, max_size=20),
    st.decimals("0.1", "8", places=2),
    st.booleans(),
)
def test_the_stop_never_falls_and_is_never_looser_than_the_static_one(
    path: list[Decimal], atr: Decimal, dynamic: bool
) -> None:
    rule, peak, stops = RiskCheck(dynamic_stops=dynamic), Decimal(100), []
    for price in path:
        peak = max(peak, price)
        levels = protective_levels(position("AAA", peak_price=peak), float(atr), rule)
        static = protective_levels(position("AAA", peak_price=peak), None, rule)
        stop, target = known(levels.stop_price), known(levels.target_price)
        assert stop >= known(static.stop_price) == Decimal("97.5")
        assert target <= known(static.target_price) == Decimal(104)
        assert stop >= peak - 2 * atr
        stops.append(stop)
    assert stops == sorted(stops)


def test_the_manager_is_the_port() -> None:
    port: RiskManager = manager()
    assert port.exits(market({"AAA": 1.0}), book("1"), MarketAnalysis(), RISK_CHECK) == ()
    assert port.on_consecutive_errors(5, TradingState.ACTIVE)[0] is TradingState.REDUCING
