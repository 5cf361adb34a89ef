"""The engine's laws on weeks of real steps: parity, no look-ahead, idempotence, conservation, what-ifs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from core.cycles import DECIDE
from core.errors import RequestError
from core.ports import Team
from core.trading import ZERO
from core.types import (
    BarPanel,
    Cycle,
    Decision,
    Floats,
    MarketAnalysis,
    MarketView,
    OrderStatus,
    Portfolio,
    Side,
    StepReport,
)
from pipeline.execution import execute
from pipeline.reconciliation import recover
from tests.panels import FIELDS
from tests.simulation.desk import (
    Desk,
    Moment,
    assert_it_did_something,
    closings,
    market,
    moments,
    open_desk,
    ready,
    serve,
)


@dataclass(frozen=True)
class Whole:
    """A run through all moments."""

    desk: Desk
    reports: list[StepReport]


@pytest.fixture(scope="module")
def whole() -> Whole:
    desk = open_desk()
    recover(desk.engine)
    reports = desk.run(moments())
    assert_it_did_something(reports)
    return Whole(desk, reports)


def test_the_daemons_path_and_a_bare_loop_write_the_same_ledger(whole: Whole, tmp_path: Path) -> None:
    desk = open_desk(tmp_path)

    async def daemon() -> bytes:
        service = serve(desk)
        await ready(service)
        for at, cycle in moments():
            desk.clock.set(at)
            await service.step(cycle)
        dump = desk.ledger.dump()
        await service.stop()
        return dump

    assert asyncio.run(daemon()) == whole.desk.ledger.dump()


def test_the_same_run_twice_is_the_same_run(whole: Whole) -> None:
    again = open_desk()
    recover(again.engine)
    again.run(moments())
    assert again.ledger.dump() == whole.desk.ledger.dump()


# --- no look-ahead ---------------------------------------------------------------------------------------------


def poisoned(panel: BarPanel, row: int, future: Callable[[str], Floats]) -> BarPanel:
    """Give the panel with everything after `row` replaced."""
    keep = (np.arange(len(panel.sessions)) <= row)[:, None]
    changed: dict[str, Any] = {n: np.where(keep, getattr(panel, n), future(n)) for n in FIELDS}
    return replace(panel, **changed)


def nothing(name: str) -> Floats:
    return np.full(market().close.shape, np.nan)


def another(name: str) -> Floats:
    return np.asarray(getattr(market(7), name))


def until(row: int, at: list[Moment]) -> list[Moment]:
    """The moments up to the session `row`."""
    end = market().sessions[row] + np.timedelta64(1, "D")
    return [moment for moment in at if np.datetime64(moment[0].replace(tzinfo=None)) < end]


def ledger_of(panel: BarPanel, steps: list[Moment], wrap: Callable[[Team], Team]) -> bytes:
    desk = open_desk(panel=panel, wrap_team=wrap)
    reports = desk.run(steps)
    assert sum(len(report.fills) for report in reports) > 5
    return desk.ledger.dump()


def as_it_is(team: Team) -> Team:
    return team


@cache
def as_it_was(steps: tuple[Moment, ...]) -> bytes:
    return ledger_of(market(), list(steps), as_it_is)


def rows_to_try() -> list[int]:
    first = int(np.searchsorted(market().sessions, np.datetime64(moments()[0][0].date())))
    return [first + offset for offset in np.random.default_rng(3).choice(np.arange(8, 36), 3, replace=False)]


@pytest.mark.parametrize("future", [nothing, another])
def test_no_report_changes_when_the_future_does(future: Callable[[str], Floats]) -> None:
    for row in rows_to_try():
        changed = poisoned(market(), row, future)
        assert not np.array_equal(changed.close, market().close, equal_nan=True)
        for steps in (until(row, moments()), until(row, closings())):
            assert ledger_of(changed, steps, as_it_is) == as_it_was(tuple(steps))


@dataclass(frozen=True)
class Peeking:
    """A team that drops candidates which the next session's bar says will fall: a one-row leak."""

    honest: Team
    panel: BarPanel

    def analyse(self, view: MarketView, portfolio: Portfolio, cycle: Cycle) -> MarketAnalysis:
        analysis = self.honest.analyse(view, portfolio, cycle)
        ahead = self.panel.close[view.row + 1] / self.panel.close[view.row] - 1
        kept = [s for s in analysis.signals if ahead[self.panel.column[s.symbol]] > 0]
        return structs.replace(analysis, signals=tuple(kept))

    def decide(self, analysis: MarketAnalysis, portfolio: Portfolio, cycle: Cycle) -> tuple[Decision, ...]:
        return self.honest.decide(analysis, portfolio, cycle)

    def explain(self, view: MarketView, analysis: MarketAnalysis, symbols: Collection[str]) -> MarketAnalysis:
        return self.honest.explain(view, analysis, symbols)


@pytest.mark.parametrize("future", [nothing, another])
def test_a_planted_leak_of_one_row_is_caught(future: Callable[[str], Floats]) -> None:
    row = rows_to_try()[0]
    panels, steps = (market(), poisoned(market(), row, future)), until(row, closings())
    honest = [ledger_of(panel, steps, as_it_is) for panel in panels]
    assert honest[0] == honest[1]
    leaky = [ledger_of(panel, steps, partial(Peeking, panel=panel)) for panel in panels]
    assert leaky[0] != leaky[1]


# --- idempotence -----------------------------------------------------------------------------------------------


def test_writing_a_step_down_twice_changes_nothing(whole: Whole) -> None:
    ledger = whole.desk.ledger
    before = ledger.dump()
    for report in whole.reports[-1:] + whole.reports[3:9]:
        ledger.record(report)
    assert ledger.dump() == before


def decided_with_orders() -> tuple[Desk, StepReport]:
    desk = open_desk()
    for at, _ in moments():
        desk.clock.set(at)
        report = desk.engine.step(DECIDE)
        if report.plan.approved:
            return desk, report
    pytest.fail("nothing was approved")


def test_executing_a_decision_twice_sends_once() -> None:
    desk, report = decided_with_orders()
    names = [approved.order.client_order_id for approved in report.plan.approved]
    assert execute(desk.engine, report.decision_id, dry_run=True).orders[0].status is OrderStatus.PROPOSED
    assert desk.broker.open_orders() == ()
    first = execute(desk.engine, None, dry_run=False)
    assert [order.client_order_id for order in first.orders] == names
    assert {order.status for order in first.orders} == {OrderStatus.SUBMITTED}
    sent, book = desk.broker.open_orders(), desk.engine.portfolio
    assert [order.client_order_id for order in sent] == names
    assert execute(desk.engine, report.decision_id, dry_run=False) == first
    assert desk.broker.open_orders() == sent
    assert desk.engine.portfolio == book


# --- conservation ----------------------------------------------------------------------------------------------


def test_the_engines_book_is_the_brokers_and_cash_holds_to_the_cent() -> None:
    desk = open_desk()
    cash = desk.engine.portfolio.cash
    shares: dict[str, Decimal] = {}
    for report in desk.steps(moments()):
        for fill in report.fills:
            sign = 1 if fill.side is Side.BUY else -1
            shares[fill.symbol] = shares.get(fill.symbol, ZERO) + sign * fill.quantity
            cash -= (sign * fill.quantity * fill.price + fill.fee).quantize(Decimal("0.01"))
        book, account = desk.engine.portfolio, desk.broker.account()
        assert quantities(book) == quantities(account) == {s: q for s, q in shares.items() if q}
        assert book.cash == account.cash == cash
        assert book.cash == book.cash.quantize(Decimal("0.01")) >= 0
        assert book.pending == account.pending
    assert_it_did_something(desk.ledger.decisions(1000))


def quantities(book: Portfolio) -> dict[str, Decimal]:
    return {symbol: held.quantity for symbol, held in book.positions.items()}


def test_profits_of_closed_trades_and_what_is_held_explain_the_equity(whole: Whole) -> None:
    book = whole.desk.engine.portfolio
    bought = whole.desk.ledger.fills(10_000)
    profit = sum((trade.profit_usd for trade in whole.desk.ledger.trades(10_000)), ZERO)
    spent = sum(
        (
            -fill.cash_change
            for fill in bought
            if fill.symbol in book.positions and fill.at >= entry(book, fill.symbol)
        ),
        ZERO,
    )
    assert book.cash + spent == Decimal("100000.00") + profit


def entry(book: Portfolio, symbol: str) -> datetime:
    return book.positions[symbol].entry_at


def test_every_decision_ends_in_exactly_one_way(whole: Whole) -> None:
    for report in whole.reports:
        plan = report.plan
        ends = [
            *(a.order.symbol for a in plan.approved),
            *(r.symbol for r in plan.refused),
            *plan.unchanged,
        ]
        assert sorted(ends) == sorted(decision.symbol for decision in plan.decisions)


# --- what-ifs --------------------------------------------------------------------------------------------------


def at_close(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T22:00:00").replace(tzinfo=UTC)


def test_a_what_if_touches_no_book_and_is_never_executed(whole: Whole) -> None:
    desk = open_desk()
    desk.run(moments()[:20])
    book, kept = desk.engine.portfolio, desk.ledger.portfolio()
    sent, said = desk.broker.open_orders(), desk.engine.last_report
    report = desk.engine.step(replace(DECIDE, as_of=moments()[9][0]))
    assert report.plan.approved
    assert report.plan.portfolio.positions == {}
    assert (desk.engine.portfolio, desk.ledger.portfolio()) == (book, kept)
    assert (desk.broker.open_orders(), desk.engine.last_report) == (sent, said)
    with pytest.raises(RequestError, match="what-if") as refused:
        execute(desk.engine, report.decision_id, dry_run=False)
    assert refused.value.status == 409
    assert desk.broker.open_orders() == sent
    assert all(order.status is OrderStatus.PROPOSED for order in desk.ledger.orders_of(report.decision_id))
    following = desk.run(moments()[20:30])
    assert whole.reports[20:30] == following


def test_a_model_that_knows_the_outcome_abstains_and_says_so() -> None:
    desk = open_desk()
    report = desk.engine.step(replace(DECIDE, as_of=at_close("2021-03-01")))
    silent = [a for a in report.plan.analysis.abstentions if a.agent == "quant"]
    assert len(silent) == 1
    assert "look-ahead" in silent[0].reason
    heard = {vote.signal.agent for decision in report.plan.decisions for vote in decision.votes}
    assert heard == {"market", "momentum", "regime"}


def test_executing_looks_past_the_steps_that_are_no_decisions(whole: Whole) -> None:
    desk, report = decided_with_orders()
    desk.engine.step(replace(DECIDE, as_of=moments()[0][0]))
    desk.engine.step(Cycle(name="risk_check", entries=False, submits=True))
    assert execute(desk.engine, None, dry_run=True).decision_id == report.decision_id
