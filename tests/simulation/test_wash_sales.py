"""Wash sales in a backtest: what a decision says of a purchase is what the lots then say; or there is none."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from backtest.app.engine import BacktestEngine
from backtest.replay import find, inputs_of
from backtest.runner import Run
from config.trading import TradingSettings
from core.loss_sales import in_window
from core.lots import ZERO, first_in_first_out
from core.tax_lots import ALL_FILLS, LotTracker, tracked_lots
from core.types import Action, Check, Cycle, Decision, MarketAnalysis, MarketView, Portfolio, Signal, StepReport
from risk.limits import WASH_SALE
from tests.panels import make_panel
from tests.simulation.rules import UNWATCHED, WATCHED, assert_it_did_something, backtest_engine, run

SESSIONS = 180


@cache
def done(mode: str) -> tuple[BacktestEngine, Run]:
    settings = TradingSettings.model_validate({"taxes": {"wash_sales": mode}})
    made = backtest_engine(make_panel(5, SESSIONS), settings)
    took = run(made, WATCHED)
    assert_it_did_something(took)
    return made, took


def lots_of(mode: str) -> LotTracker:
    return tracked_lots(done(mode)[0].ledger.fills(ALL_FILLS), first_in_first_out)


def reports(mode: str) -> Iterator[StepReport]:
    return iter(tuple(done(mode)[0].ledger.steps())[::-1])


def checks(report: StepReport) -> dict[str, Check]:
    return {
        approved.order.symbol: check
        for approved in report.plan.approved
        for check in approved.checks
        if check.rule == WASH_SALE
    }


def test_a_warning_stands_in_the_decision_and_in_its_checks() -> None:
    warned = 0
    for report in reports("warn"):
        for symbol, check in checks(report).items():
            (decision,) = (one for one in report.plan.decisions if one.symbol == symbol)
            assert check.passed and check.observed in decision.reasons
            assert check.observed.startswith(f"buying back {symbol} within 30 days disallows ")
            warned += 1
    assert warned > 10


def test_what_the_fills_disallow_was_foretold_to_the_cent() -> None:
    """Each order here fills whole at the next open, so its warning is what the lots then say."""
    lots, pieces = LotTracker(), 0
    orders = {order.client_order_id: order.decision_id for order in done("warn")[0].ledger.orders(ALL_FILLS)}
    warnings = {report.decision_id: checks(report) for report in reports("warn")}
    for fill in done("warn")[1].fills:
        before = sum((sale.disallowed_usd for sale in lots.sales), ZERO)
        count = len(lots.sales)
        lots.add(fill)
        disallowed = sum((sale.disallowed_usd for sale in lots.sales), ZERO) - before
        check = warnings.get(orders.get(fill.client_order_id, ""), {}).get(fill.symbol)
        if len(lots.sales) == count and check is not None and disallowed:
            assert f"disallows {disallowed:,.2f} USD" in check.observed
            pieces += 1
    assert pieces > 10


def test_refused_no_purchase_follows_a_loss_within_thirty_days() -> None:
    assert done("refuse")[1].refusals[WASH_SALE] > 5
    bought = {(fill.symbol, fill.at.date()) for fill in done("refuse")[1].fills if fill.side.value == "buy"}
    losses = [sale for sale in lots_of("refuse").sales if sale.proceeds_usd < sale.basis_usd]
    assert len(losses) > 10
    later = [
        (loss.symbol, loss.sold, day)
        for loss in losses
        for symbol, day in bought
        if symbol == loss.symbol and loss.sold < day and in_window(loss.sold, day)
    ]
    assert not later


def test_off_trades_as_warn_does_and_says_nothing() -> None:
    trades = [(fill.symbol, fill.quantity, fill.price, fill.at) for fill in done("off")[1].fills]
    assert trades == [(fill.symbol, fill.quantity, fill.price, fill.at) for fill in done("warn")[1].fills]
    assert not any(checks(report) for report in reports("off"))


def test_the_gains_are_the_cash_that_came_less_what_is_still_held() -> None:
    lots, fills = lots_of("warn"), done("warn")[1].fills
    basis = sum((lot.basis_usd for held in lots.lots.values() for lot in held), ZERO)
    gains = sum((sale.gain_usd for sale in lots.sales), ZERO)
    assert gains == sum((fill.cash_change for fill in fills), Decimal(0)) + basis


def test_a_decision_after_a_loss_is_found_again_by_its_digest() -> None:
    made, _ = done("warn")
    with_losses = [report for report in reports("warn") if report.plan.portfolio.loss_sales]
    assert len(with_losses) > 50
    for report in with_losses[::10]:
        assert inputs_of(find(made.ledger, report.decision_id), made.engine.parts.initial_cash).proven


@pytest.mark.parametrize("mode", ["warn", "refuse"])
def test_no_loss_older_than_thirty_days_is_carried(mode: str) -> None:
    for report in reports(mode):
        for losses in (report.plan.portfolio.loss_sales or {}).values():
            assert losses and all(in_window(loss.sold, report.as_of.date()) for loss in losses)


class Wanted:
    """A team that wants this share of NVDA from these sessions on."""

    def __init__(self, weights: dict[int, float]) -> None:
        self._weights = weights

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        del portfolio, cycle
        weight = self._weights.get(view.row)
        if weight is None:
            return MarketAnalysis()
        wanted = Signal(agent="rule", symbol="NVDA", score=weight, confidence=1.0, reason="as wanted")
        return MarketAnalysis(candidates=("NVDA",), signals=(wanted,))

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        del cycle
        action = Action.RESIZE if portfolio.positions else Action.ENTER
        return tuple(
            Decision(
                symbol=one.symbol, action=action, score=1.0, confidence=1.0, rule="rebalance",
                target_weight=one.score,
            )
            for one in analysis.signals
        )  # fmt: skip

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        del view, symbols
        return analysis


@cache
def falling(mode: str) -> tuple[BacktestEngine, Run]:
    """NVDA falls a dollar a session from 100: a tenth is bought, a week later as much again, then half sold."""
    panel = make_panel(5, 20)
    fields = {name: getattr(panel, name).copy() for name in ("open", "high", "low", "close")}
    for table in fields.values():
        table[:, panel.symbols.index("NVDA")] = 100.0 - np.arange(20)
    settings = TradingSettings.model_validate({"taxes": {"wash_sales": mode}})
    made = backtest_engine(replace(panel, **fields), settings, lambda _: Wanted({1: 0.1, 6: 0.2, 11: 0.1}))
    return made, run(made, UNWATCHED)


def test_the_sale_of_a_part_at_a_loss_is_warned_of_before_it_is_made() -> None:
    made, took = falling("warn")
    assert [fill.side.value for fill in took.fills] == ["buy", "buy", "sell"]
    lots = tracked_lots(made.ledger.fills(ALL_FILLS), first_in_first_out)
    assert sum(sale.disallowed_usd for sale in lots.sales) > 0
    (report,) = (one for one in made.ledger.steps() if checks(one))
    (approved,) = report.plan.approved
    observed = checks(report)["NVDA"].observed
    bought = took.fills[1].at.date()
    sold = approved.order.quantity
    assert observed.startswith(f"selling {sold.normalize():f} NVDA at a loss of ")
    assert f"bought on {bought} stay" in observed
    assert inputs_of(find(made.ledger, report.decision_id), made.engine.parts.initial_cash).proven


def test_refused_the_part_is_not_sold() -> None:
    took = falling("refuse")[1]
    assert [fill.side.value for fill in took.fills] == ["buy", "buy"]
    assert took.refusals[WASH_SALE] == 1
