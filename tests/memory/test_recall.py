"""Recall: the past only, by the ledger alone, beside the reasons and without a vote; replayed byte for byte."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from adapters.ledger import SqliteLedger
from adapters.ledger.rows import encode_report
from adapters.memory.journal import steps_after
from adapters.memory.recall import PastTrade, RecallingFeed, SimilarTrades, Situation, recalled
from adapters.memory.round_trips import outcome
from backtest.replay import find, replay
from core.ports import Feed
from core.types import Floats, Plan, StepReport
from daemon.wiring.memory import situation_finder
from models.factors.store import FactorStore
from models.regime.tracker import RegimeTracker
from tests.default_universe import SECTOR_OF, STOCKS
from tests.ledger_days import FACTORS
from tests.memory.ledgers import ALL, ledger_of, some_days
from tests.simulation.desk import Desk, assert_it_did_something, moments, open_desk, ready, serve, settings

FACTS_MAX = 2


def remembering(feed: Feed, ledger: SqliteLedger, factors: FactorStore) -> Feed:
    return RecallingFeed(
        feed, ledger, situation_finder(factors, RegimeTracker(settings().regime), STOCKS), FACTS_MAX, SECTOR_OF
    )


@cache
def with_memory() -> tuple[Desk, list[StepReport]]:
    desk = open_desk(wrap_feed=remembering)
    reports = desk.run(moments())
    assert_it_did_something(reports)
    return desk, reports


@cache
def without() -> list[StepReport]:
    return open_desk().run(moments())


def told(plan: Plan) -> list[str]:
    return [r for d in plan.decisions for r in d.reasons if r.startswith("remembered: ")]


# --- a view remembers the past only ----------------------------------------------------------------------------


def test_what_is_recalled_was_known_before_and_does_not_depend_on_what_came_later() -> None:
    whole = some_days(4)
    reports = whole.decisions(ALL)[::-1]
    book, seen = SimilarTrades(whole, SECTOR_OF), 0
    for cut in range(40, len(reports), 67):
        until = reports[cut].as_of
        cases = book.before(until)
        assert all(case.known_at < until for case in cases)
        short = SimilarTrades(ledger_of(r for r in reports if r.as_of < until), SECTOR_OF).before(until)
        assert list(short) == list(cases)
        seen = max(seen, len(cases))
    assert seen > 5
    assert len(book.before(reports[-1].as_of + timedelta(days=1))) == len(whole.trades(ALL))


def test_a_trade_booked_at_the_same_moment_is_not_known_yet() -> None:
    whole = some_days(3)
    book = SimilarTrades(whole, SECTOR_OF)
    case = book.before(whole.decisions(1)[0].as_of)[-1]
    assert case not in book.before(case.known_at)
    assert case in book.before(case.known_at + timedelta(microseconds=1))


def test_the_nearest_of_the_sector_and_regime_come_first() -> None:
    whole = some_days(12)
    cases = SimilarTrades(whole, SECTOR_OF).before(whole.decisions(1)[0].as_of)
    dice = np.random.default_rng(3)
    now = Situation(regime="low_vol", names=FACTORS, factors={s: dice.normal(size=13) for s in STOCKS})
    found = recalled(now, cases, FACTS_MAX, SECTOR_OF)
    assert len({memory.symbol for memory in found}) > 20
    for symbol in STOCKS:
        alike = [
            c
            for c in reversed(cases)
            if c.position.regime == "low_vol" and c.position.sector == SECTOR_OF[symbol]
        ]
        ordered = sorted(alike, key=partial(distance, now.factors[symbol]))[:FACTS_MAX]
        mine = [memory for memory in found if memory.symbol == symbol]
        assert [(m.fact.split(" [")[0], m.valid_at) for m in mine] == [
            (outcome(c.position), c.known_at) for c in ordered
        ]


def distance(now: Floats, case: PastTrade) -> float:
    assert case.position.entry is not None
    was = np.array([case.position.entry.factors[name] for name in FACTORS])
    return float(np.sqrt(((was - now) ** 2).mean()))


# --- a decision is told, and decides the same -------------------------------------------------------------------


def test_decisions_are_reminded_and_decide_the_same() -> None:
    desk, reports = with_memory()
    attach_memories = [report for report in reports if told(report.plan)]
    assert len(attach_memories) > 5
    assert len(reports) == len(without())
    for report, plain in zip(reports, without(), strict=True):
        assert not told(plain.plan)
        assert stripped(report) == stripped(plain)
    last = attach_memories[-1]
    assert last.view_digest not in {plain.view_digest for plain in without()}
    view = desk.engine.parts.feed.view(last.as_of)
    assert view.digest() == last.view_digest
    assert replace(view, memories=()).digest() != last.view_digest


def stripped(report: StepReport) -> bytes:
    """A step without its memories, and with its own name wherever it is written."""
    decisions = tuple(
        structs.replace(d, reasons=tuple(r for r in d.reasons if not r.startswith("remembered: ")))
        for d in report.plan.decisions
    )
    plan = structs.replace(report.plan, decisions=decisions, portfolio_digest="")  # the book names its orders
    return NAMES.sub(rb"\1", encode_report(structs.replace(report, view_digest="", plan=plan)))


NAMES = re.compile(rb"(\d{8}T\d{6}-[a-z_0-9]+)-[0-9a-f]{12}")


def test_a_reminded_decision_is_decided_again_byte_for_byte() -> None:
    desk, reports = with_memory()
    names = [report.decision_id for report in reports if told(report.plan)]
    for name in (names[0], names[len(names) // 2], names[-1]):
        other = open_desk(wrap_feed=lambda feed, _, factors: remembering(feed, desk.ledger, factors)).engine.parts
        done = replay(
            find(desk.ledger, name), feed=other.feed, team=other.team, risk=other.risk,
            config_digest=other.config_digest(), initial_cash=Decimal("100000.0"), encode=encode_report,
        )  # fmt: skip
        assert done.same, done


def test_without_its_memories_the_view_is_another() -> None:
    desk, reports = with_memory()
    name = next(report.decision_id for report in reports if told(report.plan))
    other = open_desk().engine.parts
    done = replay(
        find(desk.ledger, name), feed=other.feed, team=other.team, risk=other.risk,
        config_digest=other.config_digest(), initial_cash=Decimal("100000.0"), encode=encode_report,
    )  # fmt: skip
    assert not done.same


def test_the_daemons_path_and_a_bare_loop_remember_the_same(tmp_path: Path) -> None:
    desk = open_desk(tmp_path, wrap_feed=remembering)
    bare = open_desk(wrap_feed=remembering)

    async def daemon() -> bytes:
        service = serve(desk)
        await ready(service)
        for at, cycle in moments(5):
            desk.clock.set(at)
            await service.step(cycle)
        dump = desk.ledger.dump()
        await service.stop()
        return dump

    from pipeline.reconciliation import recover

    recover(bare.engine)
    reports = bare.run(moments(5))
    assert any(told(report.plan) for report in reports)
    assert asyncio.run(daemon()) == bare.ledger.dump()


def test_an_empty_ledger_recalls_nothing_and_judges_nothing() -> None:
    def judged(_: object) -> None:
        pytest.fail("there was nothing to compare with")

    plain = open_desk()
    feed = RecallingFeed(plain.engine.parts.feed, plain.ledger, judged, FACTS_MAX, SECTOR_OF)
    at = moments()[0][0]
    assert feed.view(at).digest() == plain.engine.parts.feed.view(at).digest()


def test_each_step_of_the_journal_is_read_as_it_was_written() -> None:
    _, reports = with_memory()
    ledger = with_memory()[0].ledger
    for (_, step), report in zip(steps_after(ledger, 0, ALL), ledger.decisions(ALL)[::-1], strict=True):
        assert step.fills == report.fills
        assert step.plan.decisions == report.plan.decisions
        assert [a.order for a in step.plan.approved] == [a.order for a in report.plan.approved]
        assert step.as_of == report.as_of
        regime = report.plan.analysis.regime
        assert (step.plan.analysis.regime.name if step.plan.analysis.regime else None) == (regime and regime.name)
    assert reports
